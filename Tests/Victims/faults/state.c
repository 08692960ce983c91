// A little of everything, which is checked when the byte behind a shared mapping of the file `flag` says so.
// It waits without any system call that an injected failure could meet. Exit status 42: something is wrong.
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "../victim.h"

#define WRONG(what)                  \
  do {                               \
    victim_say("wrong: %s", (what)); \
    _exit(42);                       \
  } while (0)
#define SAME(condition) \
  do {                  \
    if (!(condition)) WRONG(#condition); \
  } while (0)

enum { WORDS = 1 << 18 };
static __thread uint64_t own;
static volatile uint32_t thread_is_ready, thread_may_end;
static volatile sig_atomic_t caught;

static void note(int signal) { caught = signal; }

static void *work(void *argument) {
  own = 4711;
  thread_is_ready = 1;
  while (!thread_may_end) usleep(2000);
  return own == 4711 ? argument : NULL;
}

int main(void) {
  int flag_file = open("flag", O_RDWR);
  volatile char *flag = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, flag_file, 0);
  close(flag_file);
  uint64_t *memory = mmap(NULL, WORDS * 8, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (uint64_t i = 0; i < WORDS; i++) memory[i] = i * 0x9E3779B97F4A7C15ull;
  int memfd = memfd_create("shared", 0);
  ftruncate(memfd, PAGE);
  char *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
  strcpy(shared, "of both");
  int file = open("data", O_RDWR);
  lseek(file, 5, SEEK_SET);
  int copy = dup(file), ends[2];
  pipe2(ends, O_NONBLOCK);
  write(ends[1], "in the pipe", 11);
  int event = eventfd(7, EFD_NONBLOCK), epoll = epoll_create1(0);
  struct epoll_event entry = {.events = EPOLLIN, .data.u64 = 99};
  epoll_ctl(epoll, EPOLL_CTL_ADD, event, &entry);
  struct sigaction action = {.sa_handler = note};
  sigaction(SIGUSR1, &action, NULL);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &blocked, NULL);
  raise(SIGUSR1);
  umask(027);
  struct itimerval timer = {.it_value.tv_sec = 5000};
  setitimer(ITIMER_REAL, &timer, NULL);
  struct rlimit limit = {200, 200};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = 200;
  setrlimit(RLIMIT_NOFILE, &limit);
  pthread_t thread;
  pthread_create(&thread, NULL, work, &timer);
  while (!thread_is_ready) usleep(1000);
  pid_t process = getpid();
  victim_say("ready");
  while (!*flag) usleep(2000);

  for (uint64_t i = 0; i < WORDS; i++) SAME(memory[i] == i * 0x9E3779B97F4A7C15ull);
  char text[32] = "";
  SAME(strcmp(shared, "of both") == 0);
  SAME(pread(memfd, text, 8, 0) == 8 && strcmp(text, "of both") == 0);
  SAME(read(file, text, 3) == 3 && memcmp(text, "567", 3) == 0 && lseek(copy, 0, SEEK_CUR) == 8);
  SAME(read(ends[0], text, 32) == 11 && memcmp(text, "in the pipe", 11) == 0);
  SAME(epoll_wait(epoll, &entry, 1, 0) == 1 && entry.data.u64 == 99);
  uint64_t count;
  SAME(read(event, &count, 8) == 8 && count == 7);
  SAME(fcntl(ends[0], F_GETFL) & O_NONBLOCK);
  SAME(umask(0) == 027);
  SAME(getpid() == process && gettid() == process);
  SAME(caught == 0);
  pthread_sigmask(SIG_UNBLOCK, &blocked, NULL);
  SAME(caught == SIGUSR1);
  SAME(getitimer(ITIMER_REAL, &timer) == 0 && timer.it_value.tv_sec > 4000);
  SAME(getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur == 200);
  int number = open("data", O_RDONLY);
  SAME(number == epoll + 1);
  void *result;
  thread_may_end = 1;
  pthread_join(thread, &result);
  SAME(result == &timer);
  victim_say("pass");
  _exit(0);
}
