// timerfd in all its forms: every clock, absolute and relative, once and again and again (slow and fast), not yet
// expired, expired and read, expired and not read; also with cancel-on-set. Each ticks on as it would have.
#include <poll.h>
#include <sys/timerfd.h>
#include "victim.h"

#ifndef TFD_TIMER_CANCEL_ON_SET
#define TFD_TIMER_CANCEL_ON_SET 2
#endif

enum state { RUNNING, EXPIRED, UNREAD, STATES };
static const long periods[] = {0, 300000, 30000000, 3600000000000};

struct form {
  int clock, flags, period;
  enum state state;
  int file;
} forms[400];
static int count;

static struct timespec in(int64_t ns) { return (struct timespec){ns / 1000000000, ns % 1000000000}; }

static bool make(struct form form) {
  form.file = timerfd_create(form.clock, TFD_NONBLOCK);
  if (form.file < 0) return false;
  int64_t first = form.state == RUNNING ? 3600000000000 : 1000000;
  struct itimerspec value = {.it_interval = in(periods[form.period])};
  if (form.flags & TFD_TIMER_ABSTIME) {
    struct timespec now;
    clock_gettime(form.clock, &now);
    first += now.tv_sec * 1000000000ll + now.tv_nsec;
  }
  value.it_value = in(first);
  if (timerfd_settime(form.file, form.flags, &value, NULL)) return false;
  forms[count++] = form;
  return true;
}

static const char *name(const struct form *form) {
  static char text[120];
  snprintf(text, sizeof text, "clock %d, flags %d, period %ld ns, %s", form->clock, form->flags, periods[form->period],
           form->state == RUNNING ? "running" : form->state == EXPIRED ? "expired" : "unread");
  return text;
}

int main(void) {
  // Not the alarm clocks: without a real-time clock device the kernel says that nothing is left of them.
  int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};
  int flags[] = {0, TFD_TIMER_ABSTIME, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET};
  for (int c = 0; c < 3; c++)
    for (int f = 0; f < 3; f++)
      for (int p = 0; p < 4; p++)
        for (int s = 0; s < STATES; s++) make((struct form){clocks[c], flags[f], p, s, -1});
  uint64_t ticks;
  for (int i = 0; i < count; i++) {
    struct pollfd wait = {forms[i].file, POLLIN, 0};
    if (forms[i].state == RUNNING) continue;
    if (poll(&wait, 1, 10000) != 1) FAIL("setup: %s does not expire", name(&forms[i]));
    if (forms[i].state == EXPIRED) MUST(read(forms[i].file, &ticks, 8));
  }
  victim_wait();
  for (int i = 0; i < count; i++) {
    struct form *form = &forms[i];
    struct itimerspec now;
    bool ends = form->period == 0, fast = form->period == 1 || form->period == 2;
    MUST(timerfd_gettime(form->file, &now));
    int64_t interval = now.it_interval.tv_sec * 1000000000ll + now.it_interval.tv_nsec;
    int64_t rest = now.it_value.tv_sec * 1000000000ll + now.it_value.tv_nsec;
    CHECK(interval == periods[form->period], "%s: the period is %ld", name(form), interval);
    if (form->state == RUNNING) {
      CHECK(rest > 3000000000000, "%s: %ld ns are left", name(form), rest);
      CHECK(read(form->file, &ticks, 8) == -1 && (errno == EAGAIN || errno == ECANCELED), "%s: ticks", name(form));
      continue;
    }
    struct pollfd wait = {form->file, POLLIN, 0};
    bool due = form->state == UNREAD || fast;
    CHECK(poll(&wait, 1, due ? 10000 : 0) == due, "%s: %s", name(form), due ? "no tick" : "ticks");
    if (due) CHECK(read(form->file, &ticks, 8) == 8 && ticks >= 1, "%s: %s", name(form), strerror(errno));
    // Of a fast one nothing may be left at this moment.
    if (!ends && !fast) CHECK(rest > 0, "%s: it stands still", name(form));
    for (int again = 0; again < 3 && fast; again++) {
      CHECK(poll(&wait, 1, 10000) == 1 && read(form->file, &ticks, 8) == 8, "%s: it stopped ticking", name(form));
      CHECK(ticks < 1000000, "%s: %lu ticks at once", name(form), ticks);
    }
  }
  victim_pass();
}
