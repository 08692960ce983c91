// A program that answers `ckpt save` as the agent would, without saving anything: it writes
// "image" where it is told and reports what its argument says.
//
//   fake_agent done|fail|silent|vanish|progress|waiting|busy|other-version|die LIBRARY
//
// The agent is recognised by its file, so this loads an (empty) libckpt.so. Prints "ready" once it
// can be asked.
#include <dlfcn.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../Sources/CImage/ckpt_protocol.h"

static volatile uint64_t token;
static void take(int number, siginfo_t *information, void *context) {
  (void)number, (void)context;
  token = (uint64_t)information->si_value.sival_ptr;
}

static int connect_to(uint64_t value) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int count = snprintf(address.sun_path + 1, 64, "ckpt-%016lx", value);
  int descriptor = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  socklen_t length = offsetof(struct sockaddr_un, sun_path) + 1 + count;
  if (connect(descriptor, (void *)&address, length) != 0) exit(3);
  return descriptor;
}

// `text`: the path and then the label.
static int receive_request(int descriptor, struct ckpt_request *request, char *text) {
  char control[64];
  struct iovec pieces[2] = {{request, sizeof *request}, {text, 8192}};
  struct msghdr message = {
      .msg_iov = pieces, .msg_iovlen = 2, .msg_control = control, .msg_controllen = sizeof control};
  if (recvmsg(descriptor, &message, 0) < (ssize_t)sizeof *request) exit(4);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  int passed = -1;
  if (header) memcpy(&passed, CMSG_DATA(header), sizeof passed);
  return passed;
}

static void report(int descriptor, struct ckpt_report record, const char *name) {
  char message[sizeof record + 64];
  record.version = record.version ? record.version : CKPT_PROTOCOL_VERSION;
  record.path_bytes = strlen(name);
  memcpy(message, &record, sizeof record);
  memcpy(message + sizeof record, name, record.path_bytes);
  send(descriptor, message, sizeof record + record.path_bytes, 0);
}

static void write_done(int descriptor, struct ckpt_request *request, int passed, char *label) {
  char text[256];
  label += request->path_bytes;
  int count = snprintf(text, sizeof text, "image flags=%u label=%.*s tid=%d call=%ld waited=%d\n",
                       request->flags, (int)request->label_bytes, label,
                       request->sampled_tid == getpid(), (long)request->sampled_call,
                       request->sampled_waited > 0);
  if (passed >= 0 && write(passed, text, count) != count) exit(5);
  report(descriptor,
         (struct ckpt_report){.kind = CKPT_REPORT_DONE, .bytes_done = count, .bytes_total = count,
                              .pause = 2500000, .duration = 1000000000, .threads = 3, .counter = 1,
                              .mode = CKPT_MODE_IN_PLACE, .cause = CKPT_CAUSE_MEMORY},
         "/tmp/default");
}

int main(int count, char **arguments) {
  const char *mode = count > 1 ? arguments[1] : "done";
  if (count > 2 && !dlopen(arguments[2], RTLD_NOW)) return 2;
  struct sigaction action = {.sa_sigaction = take, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR2, &action, 0);
  // Whoever starts this may block signals; that is inherited.
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, 0);
  puts("ready");
  fflush(stdout);
  int refusals = !strcmp(mode, "waiting") ? 3 : !strcmp(mode, "busy") ? -1 : 0;
  while (1) {
    while (!token) pause();
    if (!strcmp(mode, "silent")) { token = 0; continue; }
    if (!strcmp(mode, "die")) return 0;
    int descriptor = connect_to(token);
    token = 0;
    struct ckpt_request request;
    char label[8192];
    int passed = receive_request(descriptor, &request, label);
    if (refusals) {
      refusals--;
      report(descriptor, (struct ckpt_report){.kind = CKPT_REPORT_WAITING}, "");
      close(descriptor);
      if (passed >= 0) close(passed);
      continue;
    }
    if (!strcmp(mode, "vanish")) { close(descriptor); continue; }
    if (!strcmp(mode, "fail")) {
      report(descriptor,
             (struct ckpt_report){.kind = CKPT_REPORT_FAILED, .step = 8, .error = 95, .subject = 7,
                                  .detail = 7}, "anon_inode:[io_uring]");
    } else if (!strcmp(mode, "other-version")) {
      report(descriptor, (struct ckpt_report){.version = 9}, "");
    } else {
      if (!strcmp(mode, "progress"))
        for (int part = 0; part <= 20; part++) {
          report(descriptor, (struct ckpt_report){.kind = CKPT_REPORT_PROGRESS,
                 .bytes_done = part << 20, .bytes_total = 20 << 20}, "");
          usleep(60000);
        }
      write_done(descriptor, &request, passed, label);
    }
    struct ckpt_commit commit = {0};
    ssize_t got = recv(descriptor, &commit, sizeof commit, 0);
    if (got == sizeof commit && commit.decision == CKPT_COMMIT_KEEP &&
        request.flags & CKPT_REQUEST_KILL)
      raise(SIGKILL);
    close(descriptor);
    if (passed >= 0) close(passed);
  }
}
