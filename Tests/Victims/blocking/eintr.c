// eintr [--main] CALL...: one thread blocks in each CALL (with --main the main thread in the only one). After
// a checkpoint and after a restart each must still be blocked, or have ended for its own reason: none may
// return EINTR, no time-out may end early. Late endings are printed as drift and do not fail.
//
// `eintr --list` prints every call with what it needs: `plain`, `child` (a child process) or `extra` (a kind
// of object that a checkpoint may refuse by name). Time-outs are VICTIM_TIMEOUT milliseconds (5000).
//
// signal(7) lists which calls a handler interrupts even under SA_RESTART: all of those are here.
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <netinet/in.h>
#include <poll.h>
#include <semaphore.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include "victim.h"

struct call;
struct wait {
  const struct call *call;
  int fd[2], id;
  pid_t child;
  aio_context_t aio;
  uint32_t word;
  pthread_mutex_t mutex;
  pthread_cond_t condition;
  pthread_rwlock_t rwlock;
  pthread_barrier_t barrier;
  sem_t semaphore;
  bool signalled;
  volatile int flag;
  pthread_t thread, other;
  volatile pid_t tid;
  volatile int returned;
  long result;
  double elapsed;
};

struct call {
  const char *name, *needs;
  void (*prepare)(struct wait *);
  long (*block)(struct wait *);     // what the call returned, an error as -errno
  void (*release)(struct wait *);   // NULL: it ends by its time-out
  long expected;
  clockid_t clock;                  // the clock of its time-out
  double slack;                     // seconds it may be early: the grain of its timer
  bool may_be_done;                 // how full a queue is may differ after a restart: then it has succeeded
};

static long timeout_ms = 5000;
static __thread volatile int handled;
static void on_signal(int number) { handled = number; }

#define R(call) ({ long result_ = (long)(call); result_ < 0 ? -(long)errno : result_; })

static struct timespec span(void) { return (struct timespec){timeout_ms / 1000, timeout_ms % 1000 * 1000000}; }
static struct timespec until(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  t.tv_sec += timeout_ms / 1000;
  t.tv_nsec += timeout_ms % 1000 * 1000000;
  if (t.tv_nsec >= 1000000000) t.tv_nsec -= 1000000000, t.tv_sec++;
  return t;
}

// MARK: what the calls wait on

static void none(struct wait *w) { (void)w; }
static void make_pipe(struct wait *w) { MUST(pipe2(w->fd, O_CLOEXEC)); }
static void make_sockets(struct wait *w) { MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w->fd)); }
static void make_full(struct wait *w) {
  static char page[4096];
  fcntl(w->fd[1], F_SETFL, O_NONBLOCK);
  while (write(w->fd[1], page, sizeof page) > 0) {}
  fcntl(w->fd[1], F_SETFL, 0);
}
static void make_full_pipe(struct wait *w) { make_pipe(w), make_full(w); }
static void make_full_sockets(struct wait *w) { make_sockets(w), make_full(w); }
static void set_time(int fd, int which) {
  struct timeval t = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
  MUST(setsockopt(fd, SOL_SOCKET, which, &t, sizeof t));
}
static void make_timed_sockets(struct wait *w) { make_sockets(w), set_time(w->fd[0], SO_RCVTIMEO); }
static void make_timed_full_sockets(struct wait *w) { make_full_sockets(w), set_time(w->fd[1], SO_SNDTIMEO); }
static void make_epoll(struct wait *w) {
  int pipes[2];
  MUST(pipe2(pipes, O_CLOEXEC));
  w->fd[0] = MUST(epoll_create1(EPOLL_CLOEXEC));
  w->fd[1] = pipes[1];
  struct epoll_event event = {.events = EPOLLIN};
  MUST(epoll_ctl(w->fd[0], EPOLL_CTL_ADD, pipes[0], &event));
}
static void make_listener(struct wait *w) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  w->fd[0] = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
  MUST(bind(w->fd[0], (struct sockaddr *)&address, sizeof(sa_family_t)));
  MUST(listen(w->fd[0], 0));
}
static void make_timed_listener(struct wait *w) { make_listener(w), set_time(w->fd[0], SO_RCVTIMEO); }
static void make_tcp_listener(struct wait *w) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  w->fd[0] = MUST(socket(AF_INET, SOCK_STREAM, 0));
  MUST(bind(w->fd[0], (struct sockaddr *)&address, sizeof address));
  MUST(listen(w->fd[0], 4));
}
static long connect_to(int listener, int flags) {
  struct sockaddr_storage address;
  socklen_t length = sizeof address;
  getsockname(listener, (struct sockaddr *)&address, &length);
  int fd = socket(address.ss_family, SOCK_STREAM | flags, 0);
  return R(connect(fd, (struct sockaddr *)&address, length));
}
static void make_full_listener(struct wait *w) {
  make_listener(w);
  while (connect_to(w->fd[0], SOCK_NONBLOCK) == 0) {}
}
static void make_udp(struct wait *w) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  w->fd[0] = MUST(socket(AF_INET, SOCK_DGRAM, 0));
  MUST(bind(w->fd[0], (struct sockaddr *)&address, sizeof address));
}
static void path_of(struct wait *w, char *path) { sprintf(path, "%s.%d", w->call->name, getpid()); }
static void make_fifo(struct wait *w) {
  char path[64];
  path_of(w, path);
  unlink(path);
  MUST(mkfifo(path, 0600));
}
// Two open descriptions of one file.
static void make_files(struct wait *w) {
  char path[64];
  path_of(w, path);
  w->fd[0] = MUST(open(path, O_RDWR | O_CREAT, 0600));
  w->fd[1] = MUST(open(path, O_RDWR));
}
static void make_flocked(struct wait *w) { make_files(w), MUST(flock(w->fd[0], LOCK_EX)); }
static struct flock whole_file(int type) { return (struct flock){.l_type = type, .l_whence = SEEK_SET}; }
static void make_locked(struct wait *w) {
  struct flock lock = whole_file(F_WRLCK);
  make_files(w), MUST(fcntl(w->fd[0], F_OFD_SETLK, &lock));
}
static void make_sync(struct wait *w) {
  pthread_mutex_init(&w->mutex, NULL);
  pthread_cond_init(&w->condition, NULL);
  pthread_rwlock_init(&w->rwlock, NULL);
  pthread_barrier_init(&w->barrier, NULL, 2);
  sem_init(&w->semaphore, 0, 0);
}
// A thread of its own holds the locks: a rwlock knows its holder.
static void *hold_locks(void *argument) {
  struct wait *w = argument;
  pthread_mutex_lock(&w->mutex);
  pthread_rwlock_wrlock(&w->rwlock);
  w->signalled = true;
  while (!w->flag) victim_doze();
  pthread_mutex_unlock(&w->mutex);
  pthread_rwlock_unlock(&w->rwlock);
  return NULL;
}
static void make_held(struct wait *w) {
  make_sync(w);
  pthread_create(&w->other, NULL, hold_locks, w);
  while (!*(volatile bool *)&w->signalled) victim_doze();
}
static void *until_flag(void *argument) {
  while (!((struct wait *)argument)->flag) victim_doze();
  return argument;
}
static void make_thread(struct wait *w) { pthread_create(&w->other, NULL, until_flag, w); }
// Leaves word of an object that outlives its maker, for the driver to remove.
static void leave_word(const char *kind, int id) {
  FILE *file = fopen("ipc.objects", "a");
  fprintf(file, "%s %d\n", kind, id);
  fclose(file);
}
static void make_messages(struct wait *w) {
  w->id = msgget(IPC_PRIVATE, 0600);
  if (w->id < 0) SKIP("msgget: %s", strerror(errno));
  leave_word("msg", w->id);
}
static void make_full_messages(struct wait *w) {
  make_messages(w);
  static struct { long type; char text[8192]; } message = {1, ""};
  while (msgsnd(w->id, &message, sizeof message.text, IPC_NOWAIT) == 0) {}
}
static void make_semaphores(struct wait *w) {
  w->id = semget(IPC_PRIVATE, 1, 0600);
  if (w->id < 0) SKIP("semget: %s", strerror(errno));
  leave_word("sem", w->id);
}
static void make_queue(struct wait *w) {
  char name[64];
  snprintf(name, sizeof name, "/victim.%d.%s", getpid(), w->call->name);
  struct mq_attr attributes = {.mq_maxmsg = 1, .mq_msgsize = 8};
  w->id = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
  if (w->id < 0) SKIP("mq_open: %s", strerror(errno));
  mq_unlink(name);
}
static void make_full_queue(struct wait *w) { make_queue(w), MUST(mq_send(w->id, "x", 1, 0)); }
static void make_aio(struct wait *w) {
  if (syscall(SYS_io_setup, 4, &w->aio)) SKIP("io_setup: %s", strerror(errno));
  make_files(w);
  MUST(write(w->fd[0], "x", 1));
}
static void make_child(struct wait *w) {
  make_pipe(w);
  w->child = MUST(fork());
  if (w->child) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  char byte;
  close(w->fd[1]);
  _exit(read(w->fd[0], &byte, 1) == 1 ? 3 : 4);
}
static void make_eventfd(struct wait *w) { w->fd[0] = w->fd[1] = MUST(eventfd(0, EFD_CLOEXEC)); }
static void make_timerfd(struct wait *w) {
  w->fd[0] = MUST(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
}
static void make_signalfd(struct wait *w) {
  sigset_t mask;
  sigemptyset(&mask), sigaddset(&mask, SIGUSR1);
  w->fd[0] = MUST(signalfd(-1, &mask, SFD_CLOEXEC));
}
static void make_inotify(struct wait *w) {
  w->fd[0] = MUST(inotify_init1(IN_CLOEXEC));
  char path[64];
  path_of(w, path);
  mkdir(path, 0700);
  MUST(inotify_add_watch(w->fd[0], path, IN_CREATE));
}
static void make_pty(struct wait *w) {
  w->fd[1] = posix_openpt(O_RDWR | O_NOCTTY);
  if (w->fd[1] < 0 || grantpt(w->fd[1]) || unlockpt(w->fd[1])) SKIP("no pseudo-terminal: %s", strerror(errno));
  w->fd[0] = MUST(open(ptsname(w->fd[1]), O_RDWR | O_NOCTTY));
}

// MARK: what lets them go

static void put_byte(struct wait *w) { CHECK(write(w->fd[1], "x", 1) == 1); }
static void put_line(struct wait *w) { CHECK(write(w->fd[1], "x\n", 2) == 2); }
static void put_event(struct wait *w) { eventfd_write(w->fd[1], 1); }
static void drain(struct wait *w) {
  static char page[1 << 16];
  fcntl(w->fd[0], F_SETFL, O_NONBLOCK);
  while (read(w->fd[0], page, sizeof page) > 0) {}
}
static void wake(struct wait *w) { w->word = 1, syscall(SYS_futex, &w->word, FUTEX_WAKE, 9); }
static void signal_condition(struct wait *w) {
  pthread_mutex_lock(&w->mutex);
  w->signalled = true;
  pthread_cond_signal(&w->condition);
  pthread_mutex_unlock(&w->mutex);
}
static void post(struct wait *w) { sem_post(&w->semaphore); }
static void meet(struct wait *w) { pthread_barrier_wait(&w->barrier); }
static void raise_flag(struct wait *w) { w->flag = 1; }
static void send_signal(struct wait *w) { pthread_kill(w->thread, SIGUSR1); }
static void do_connect(struct wait *w) { CHECK(connect_to(w->fd[0], 0) == 0); }
static void do_accept(struct wait *w) { CHECK(accept(w->fd[0], NULL, NULL) >= 0); }
static void send_datagram(struct wait *w) {
  struct sockaddr_in address;
  socklen_t length = sizeof address;
  getsockname(w->fd[0], (struct sockaddr *)&address, &length);
  CHECK(sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, (struct sockaddr *)&address, length) == 1);
}
static void open_writer(struct wait *w) {
  char path[64];
  path_of(w, path);
  CHECK(open(path, O_RDWR) >= 0, "%s: %s", path, strerror(errno));
}
static void unlock_files(struct wait *w) {
  struct flock lock = whole_file(F_UNLCK);
  flock(w->fd[0], LOCK_UN), fcntl(w->fd[0], F_OFD_SETLK, &lock);
}
static void put_message(struct wait *w) {
  struct { long type; char text; } message = {1, 'x'};
  CHECK(msgsnd(w->id, &message, 1, 0) == 0, "msgsnd: %s", strerror(errno));
}
static void take_messages(struct wait *w) {
  static struct { long type; char text[8192]; } message;
  CHECK(msgrcv(w->id, &message, sizeof message.text, 0, IPC_NOWAIT) >= 0, "msgrcv: %s", strerror(errno));
}
static void raise_semaphore(struct wait *w) {
  struct sembuf up = {0, 1, 0};
  CHECK(semop(w->id, &up, 1) == 0, "semop: %s", strerror(errno));
}
static void put_queue(struct wait *w) { CHECK(mq_send(w->id, "x", 1, 0) == 0); }
static void take_queue(struct wait *w) {
  char text[8];
  CHECK(mq_receive(w->id, text, 8, NULL) == 1);
}
static void submit(struct wait *w) {
  static char byte;
  struct iocb read = {.aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = w->fd[0], .aio_buf = (uintptr_t)&byte, .aio_nbytes = 1}, *list = &read;
  CHECK(syscall(SYS_io_submit, w->aio, 1, &list) == 1);
}
static void make_entry(struct wait *w) {
  char path[64];
  path_of(w, path);
  strcat(path, "/new");
  close(creat(path, 0600));
}

// MARK: the calls

#define CALL(name, expression) static long name##_(struct wait *w) { (void)w; return R(expression); }
#define TIMED(name, expression) static long name##_(struct wait *w) { (void)w; struct timespec t = span(); (void)t; return R(expression); }
#define UNTIL(name, clock, expression) static long name##_(struct wait *w) { (void)w; struct timespec t = until(clock); return R(expression); }
#define POLLED (&(struct pollfd){w->fd[0], POLLIN, 0})
static fd_set *set_of(int fd) {
  static __thread fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  return &set;
}
static const sigset_t *just_usr1(void) {
  static __thread sigset_t set;
  sigemptyset(&set), sigaddset(&set, SIGUSR1);
  return &set;
}
static struct epoll_event *event(void) {
  static __thread struct epoll_event event;
  return &event;
}
static char *room(void) {
  static __thread char room[8192];
  return room;
}

TIMED(nanosleep, nanosleep(&t, NULL))
TIMED(clock_nanosleep_relative, -clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL) < 0 ? (errno = EINTR, -1) : 0)
UNTIL(clock_nanosleep_absolute, CLOCK_MONOTONIC, clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) ? (errno = EINTR, -1) : 0)
UNTIL(clock_nanosleep_realtime, CLOCK_REALTIME, clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &t, NULL) ? (errno = EINTR, -1) : 0)
TIMED(usleep, usleep(timeout_ms * 1000))
TIMED(sleep, sleep((timeout_ms + 999) / 1000))
CALL(poll, poll(POLLED, 1, -1))
TIMED(poll_timeout, poll(POLLED, 1, timeout_ms))
CALL(ppoll, ppoll(POLLED, 1, NULL, NULL))
TIMED(ppoll_timeout, ppoll(POLLED, 1, &t, NULL))
TIMED(ppoll_timeout_mask, ppoll(POLLED, 1, &t, just_usr1()))
CALL(select, select(w->fd[0] + 1, set_of(w->fd[0]), NULL, NULL, NULL))
TIMED(select_timeout, select(w->fd[0] + 1, set_of(w->fd[0]), NULL, NULL, &(struct timeval){t.tv_sec, t.tv_nsec / 1000}))
CALL(pselect, pselect(w->fd[0] + 1, set_of(w->fd[0]), NULL, NULL, NULL, just_usr1()))
TIMED(pselect_timeout, pselect(w->fd[0] + 1, set_of(w->fd[0]), NULL, NULL, &t, NULL))
CALL(epoll_wait, epoll_wait(w->fd[0], event(), 1, -1))
TIMED(epoll_wait_timeout, epoll_wait(w->fd[0], event(), 1, timeout_ms))
CALL(epoll_pwait, epoll_pwait(w->fd[0], event(), 1, -1, just_usr1()))
TIMED(epoll_pwait_timeout, epoll_pwait(w->fd[0], event(), 1, timeout_ms, just_usr1()))
CALL(epoll_pwait2, syscall(SYS_epoll_pwait2, w->fd[0], event(), 1, NULL, NULL, 8))
TIMED(epoll_pwait2_timeout, syscall(SYS_epoll_pwait2, w->fd[0], event(), 1, &t, NULL, 8))
CALL(futex, syscall(SYS_futex, &w->word, FUTEX_WAIT, 0, NULL))
TIMED(futex_timeout, syscall(SYS_futex, &w->word, FUTEX_WAIT_PRIVATE, 0, &t))
UNTIL(futex_bitset_absolute, CLOCK_MONOTONIC, syscall(SYS_futex, &w->word, FUTEX_WAIT_BITSET_PRIVATE, 0, &t, NULL, FUTEX_BITSET_MATCH_ANY))
#ifdef SYS_futex_waitv
#define WAITV (&(struct futex_waitv){.val = 0, .uaddr = (uintptr_t)&w->word, .flags = FUTEX_32})
CALL(futex_waitv, syscall(SYS_futex_waitv, WAITV, 1, 0, NULL, 0))
UNTIL(futex_waitv_timeout, CLOCK_MONOTONIC, syscall(SYS_futex_waitv, WAITV, 1, 0, &t, CLOCK_MONOTONIC))
#endif
CALL(sem_wait, sem_wait(&w->semaphore))
UNTIL(sem_timedwait, CLOCK_REALTIME, sem_timedwait(&w->semaphore, &t))
UNTIL(sem_clockwait, CLOCK_MONOTONIC, sem_clockwait(&w->semaphore, CLOCK_MONOTONIC, &t))
static long cond_wait_(struct wait *w) {
  pthread_mutex_lock(&w->mutex);
  int result = 0;
  while (!w->signalled && !result) result = pthread_cond_wait(&w->condition, &w->mutex);
  pthread_mutex_unlock(&w->mutex);
  return -result;
}
static long cond_timedwait_(struct wait *w) {
  struct timespec t = until(CLOCK_REALTIME);
  pthread_mutex_lock(&w->mutex);
  int result = pthread_cond_timedwait(&w->condition, &w->mutex, &t);
  pthread_mutex_unlock(&w->mutex);
  return -result;
}
static long cond_clockwait_(struct wait *w) {
  struct timespec t = until(CLOCK_MONOTONIC);
  pthread_mutex_lock(&w->mutex);
  int result = pthread_cond_clockwait(&w->condition, &w->mutex, CLOCK_MONOTONIC, &t);
  pthread_mutex_unlock(&w->mutex);
  return -result;
}
#define P(call) ({ int error_ = (call); error_ ? (errno = error_, -1) : 0; })
CALL(mutex_lock, P(pthread_mutex_lock(&w->mutex)))
UNTIL(mutex_timedlock, CLOCK_REALTIME, P(pthread_mutex_timedlock(&w->mutex, &t)))
CALL(rwlock_rdlock, P(pthread_rwlock_rdlock(&w->rwlock)))
CALL(rwlock_wrlock, P(pthread_rwlock_wrlock(&w->rwlock)))
UNTIL(rwlock_timedrdlock, CLOCK_REALTIME, P(pthread_rwlock_timedrdlock(&w->rwlock, &t)))
CALL(join, P(pthread_join(w->other, NULL)))
UNTIL(timedjoin, CLOCK_REALTIME, P(pthread_timedjoin_np(w->other, NULL, &t)))
CALL(barrier, pthread_barrier_wait(&w->barrier) > 0 ? (errno = EINVAL, -1) : 0)
CALL(sigwaitinfo, sigwaitinfo(just_usr1(), NULL))
TIMED(sigtimedwait, sigtimedwait(just_usr1(), NULL, &t))
CALL(sigwait, ({ int number; P(sigwait(just_usr1(), &number)) ? -1 : number; }))
static long sigsuspend_(struct wait *w) {
  (void)w;
  sigset_t none;
  sigemptyset(&none);
  long result = R(sigsuspend(&none));
  return handled ? result : -EPROTO;  // EINTR is right only after a handler of the program's own
}
static long pause_(struct wait *w) {
  (void)w;
  pthread_sigmask(SIG_UNBLOCK, just_usr1(), NULL);
  long result = R(pause());
  return handled ? result : -EPROTO;
}
CALL(msgrcv, msgrcv(w->id, room(), 100, 0, 0))
static long msgsnd_(struct wait *w) {
  *(long *)room() = 1;
  return R(msgsnd(w->id, room(), 4000, 0));
}
CALL(semop, semop(w->id, &(struct sembuf){0, -1, 0}, 1))
TIMED(semtimedop, semtimedop(w->id, &(struct sembuf){0, -1, 0}, 1, &t))
CALL(io_getevents, syscall(SYS_io_getevents, w->aio, 1, 1, room(), NULL))
TIMED(io_getevents_timeout, syscall(SYS_io_getevents, w->aio, 1, 1, room(), &t))
CALL(read_pipe, read(w->fd[0], room(), 1))
CALL(readv_pipe, readv(w->fd[0], &(struct iovec){room(), 1}, 1))
CALL(write_pipe, write(w->fd[1], "x", 1))
CALL(read_terminal, read(w->fd[0], room(), 10))
CALL(read_eventfd, read(w->fd[0], room(), 8))
TIMED(read_timerfd, timerfd_settime(w->fd[0], 0, &(struct itimerspec){.it_value = t}, NULL) ?: read(w->fd[0], room(), 8))
CALL(read_signalfd, read(w->fd[0], room(), sizeof(struct signalfd_siginfo)) > 0 ? 0 : -1)
CALL(read_inotify, read(w->fd[0], room(), 500) > 0 ? 0 : -1)
CALL(read_socket, read(w->fd[0], room(), 1))
CALL(recv, recv(w->fd[0], room(), 1, 0))
CALL(recv_waitall, recv(w->fd[0], room(), 1, MSG_WAITALL))
CALL(recvmsg, recvmsg(w->fd[0], &(struct msghdr){.msg_iov = &(struct iovec){room(), 1}, .msg_iovlen = 1}, 0))
CALL(recvmmsg, recvmmsg(w->fd[0], &(struct mmsghdr){.msg_hdr = {.msg_iov = &(struct iovec){room(), 1}, .msg_iovlen = 1}}, 1, 0, NULL))
TIMED(recv_rcvtimeo, recv(w->fd[0], room(), 1, 0))
CALL(recvfrom_udp, recvfrom(w->fd[0], room(), 10, 0, NULL, NULL))
CALL(send, send(w->fd[1], "x", 1, 0))
TIMED(send_sndtimeo, send(w->fd[1], "x", 1, 0))
CALL(accept, accept(w->fd[0], NULL, NULL) >= 0 ? 0 : -1)
CALL(accept4_tcp, accept4(w->fd[0], NULL, NULL, SOCK_CLOEXEC) >= 0 ? 0 : -1)
TIMED(accept_rcvtimeo, accept(w->fd[0], NULL, NULL))
static long connect_(struct wait *w) { return connect_to(w->fd[0], 0); }
static long open_fifo_(struct wait *w) {
  char path[64];
  path_of(w, path);
  return R(open(path, O_RDONLY) >= 0 ? 0 : -1);
}
CALL(waitpid, waitpid(w->child, NULL, 0) == w->child ? 0 : -1)
CALL(waitid, waitid(P_PID, w->child, (siginfo_t *)room(), WEXITED))
CALL(mq_receive, mq_receive(w->id, room(), 8, NULL))
CALL(mq_send, mq_send(w->id, "x", 1, 0))
UNTIL(mq_timedreceive, CLOCK_REALTIME, mq_timedreceive(w->id, room(), 8, NULL, &t))
UNTIL(mq_timedsend, CLOCK_REALTIME, mq_timedsend(w->id, "x", 1, 0, &t))
CALL(flock, flock(w->fd[1], LOCK_EX))
CALL(fcntl_setlkw, ({ struct flock lock = whole_file(F_WRLCK); fcntl(w->fd[1], F_SETLKW, &lock); }))
CALL(fcntl_ofd_setlkw, ({ struct flock lock = whole_file(F_WRLCK); fcntl(w->fd[1], F_OFD_SETLKW, &lock); }))

#define WAITS(name, needs, prepare, release, expected) {#name, needs, prepare, name##_, release, expected, 0, 0, false}
// Blocks because a queue is full. The bytes in it come back, not how the kernel accounts for them: after a
// restart there may be room, and the call may have succeeded.
#define WAITS_FOR_ROOM(name, needs, prepare, release, expected) {#name, needs, prepare, name##_, release, expected, 0, 0, true}
#define ENDS_FOR_ROOM(name, needs, prepare, expected) {#name, needs, prepare, name##_, NULL, expected, CLOCK_MONOTONIC, 0.015, true}
#define ENDS(name, needs, prepare, expected) {#name, needs, prepare, name##_, NULL, expected, CLOCK_MONOTONIC, 0.001, false}
#define ENDS_AT(name, needs, prepare, clock, expected) {#name, needs, prepare, name##_, NULL, expected, clock, 0.001, false}
#define ENDS_COARSE(name, needs, prepare, expected) {#name, needs, prepare, name##_, NULL, expected, CLOCK_MONOTONIC, 0.015, false}

static const struct call calls[] = {
    ENDS(nanosleep, "plain", none, 0),
    ENDS(clock_nanosleep_relative, "plain", none, 0),
    ENDS(clock_nanosleep_absolute, "plain", none, 0),
    ENDS_AT(clock_nanosleep_realtime, "plain", none, CLOCK_REALTIME, 0),
    ENDS(usleep, "plain", none, 0),
    ENDS(sleep, "plain", none, 0),
    WAITS(poll, "plain", make_pipe, put_byte, 1),
    ENDS(poll_timeout, "plain", make_pipe, 0),
    WAITS(ppoll, "plain", make_pipe, put_byte, 1),
    ENDS(ppoll_timeout, "plain", make_pipe, 0),
    ENDS(ppoll_timeout_mask, "plain", make_pipe, 0),
    WAITS(select, "plain", make_pipe, put_byte, 1),
    ENDS(select_timeout, "plain", make_pipe, 0),
    WAITS(pselect, "plain", make_pipe, put_byte, 1),
    ENDS(pselect_timeout, "plain", make_pipe, 0),
    WAITS(epoll_wait, "plain", make_epoll, put_byte, 1),
    ENDS(epoll_wait_timeout, "plain", make_epoll, 0),
    WAITS(epoll_pwait, "plain", make_epoll, put_byte, 1),
    ENDS(epoll_pwait_timeout, "plain", make_epoll, 0),
    WAITS(epoll_pwait2, "plain", make_epoll, put_byte, 1),
    ENDS(epoll_pwait2_timeout, "plain", make_epoll, 0),
    WAITS(futex, "plain", none, wake, 0),
    ENDS(futex_timeout, "plain", none, -ETIMEDOUT),
    ENDS(futex_bitset_absolute, "plain", none, -ETIMEDOUT),
#ifdef SYS_futex_waitv
    WAITS(futex_waitv, "plain", none, wake, 0),
    ENDS(futex_waitv_timeout, "plain", none, -ETIMEDOUT),
#endif
    WAITS(sem_wait, "plain", make_sync, post, 0),
    ENDS_AT(sem_timedwait, "plain", make_sync, CLOCK_REALTIME, -ETIMEDOUT),
    ENDS(sem_clockwait, "plain", make_sync, -ETIMEDOUT),
    WAITS(cond_wait, "plain", make_sync, signal_condition, 0),
    ENDS_AT(cond_timedwait, "plain", make_sync, CLOCK_REALTIME, -ETIMEDOUT),
    ENDS(cond_clockwait, "plain", make_sync, -ETIMEDOUT),
    WAITS(mutex_lock, "plain", make_held, raise_flag, 0),
    ENDS_AT(mutex_timedlock, "plain", make_held, CLOCK_REALTIME, -ETIMEDOUT),
    WAITS(rwlock_rdlock, "plain", make_held, raise_flag, 0),
    WAITS(rwlock_wrlock, "plain", make_held, raise_flag, 0),
    ENDS_AT(rwlock_timedrdlock, "plain", make_held, CLOCK_REALTIME, -ETIMEDOUT),
    WAITS(join, "plain", make_thread, raise_flag, 0),
    ENDS_AT(timedjoin, "plain", make_thread, CLOCK_REALTIME, -ETIMEDOUT),
    WAITS(barrier, "plain", make_sync, meet, 0),
    WAITS(sigwaitinfo, "plain", none, send_signal, SIGUSR1),
    ENDS(sigtimedwait, "plain", none, -EAGAIN),
    WAITS(sigwait, "plain", none, send_signal, SIGUSR1),
    WAITS(sigsuspend, "plain", none, send_signal, -EINTR),
    WAITS(pause, "plain", none, send_signal, -EINTR),
    WAITS(msgrcv, "plain", make_messages, put_message, 1),
    WAITS(msgsnd, "plain", make_full_messages, take_messages, 0),
    WAITS(semop, "plain", make_semaphores, raise_semaphore, 0),
    ENDS_COARSE(semtimedop, "plain", make_semaphores, -EAGAIN),
    WAITS(io_getevents, "extra", make_aio, submit, 1),
    ENDS(io_getevents_timeout, "extra", make_aio, 0),
    WAITS(read_pipe, "plain", make_pipe, put_byte, 1),
    WAITS(readv_pipe, "plain", make_pipe, put_byte, 1),
    WAITS(write_pipe, "plain", make_full_pipe, drain, 1),
    WAITS(read_terminal, "extra", make_pty, put_line, 2),
    WAITS(read_eventfd, "plain", make_eventfd, put_event, 8),
    ENDS(read_timerfd, "plain", make_timerfd, 8),
    WAITS(read_signalfd, "plain", make_signalfd, send_signal, 0),
    WAITS(read_inotify, "extra", make_inotify, make_entry, 0),
    WAITS(read_socket, "plain", make_sockets, put_byte, 1),
    WAITS(recv, "plain", make_sockets, put_byte, 1),
    WAITS(recv_waitall, "plain", make_sockets, put_byte, 1),
    WAITS(recvmsg, "plain", make_sockets, put_byte, 1),
    WAITS(recvmmsg, "plain", make_sockets, put_byte, 1),
    ENDS_COARSE(recv_rcvtimeo, "plain", make_timed_sockets, -EAGAIN),
    WAITS(recvfrom_udp, "extra", make_udp, send_datagram, 1),
    WAITS_FOR_ROOM(send, "plain", make_full_sockets, drain, 1),
    ENDS_FOR_ROOM(send_sndtimeo, "plain", make_timed_full_sockets, -EAGAIN),
    WAITS(accept, "plain", make_listener, do_connect, 0),
    WAITS(accept4_tcp, "plain", make_tcp_listener, do_connect, 0),
    ENDS_COARSE(accept_rcvtimeo, "plain", make_timed_listener, -EAGAIN),
    WAITS_FOR_ROOM(connect, "extra", make_full_listener, do_accept, 0),
    WAITS(open_fifo, "plain", make_fifo, open_writer, 0),
    WAITS(waitpid, "child", make_child, put_byte, 0),
    WAITS(waitid, "child", make_child, put_byte, 0),
    WAITS(mq_receive, "extra", make_queue, put_queue, 1),
    WAITS(mq_send, "extra", make_full_queue, take_queue, 0),
    ENDS_AT(mq_timedreceive, "extra", make_queue, CLOCK_REALTIME, -ETIMEDOUT),
    ENDS_AT(mq_timedsend, "extra", make_full_queue, CLOCK_REALTIME, -ETIMEDOUT),
    WAITS(flock, "plain", make_flocked, unlock_files, 0),
    WAITS(fcntl_setlkw, "plain", make_locked, unlock_files, 0),
    WAITS(fcntl_ofd_setlkw, "plain", make_locked, unlock_files, 0),
};
enum { count = sizeof calls / sizeof *calls };

// MARK: the run

static struct wait *waits;
static int waiting;

static void *blocks(void *argument) {
  struct wait *w = argument;
  w->thread = pthread_self();
  __atomic_store_n(&w->tid, victim_tid(), __ATOMIC_SEQ_CST);
  double start = victim_clock(w->call->clock);
  w->result = w->call->block(w);
  w->elapsed = victim_clock(w->call->clock) - start;
  __atomic_store_n(&w->returned, 1, __ATOMIC_SEQ_CST);
  return argument;
}

// Whether the call did what it should have, as a line of output.
static bool judge(struct wait *w, bool early, bool restarted) {
  const struct call *call = w->call;
  double drift = w->elapsed - timeout_ms / 1000.0;
  if (restarted && call->may_be_done && w->returned && w->result >= 0)
    return victim_say("ok %s", call->name), true;
  if (early)
    victim_say("failed %s: came back on its own with %ld (%s)", call->name, w->result, w->result < 0 ? strerror(-w->result) : "");
  else if (!w->returned)
    victim_say("failed %s: still blocked after its time or its release", call->name);
  else if (w->result != call->expected)
    victim_say("failed %s: returned %ld (%s) instead of %ld", call->name, w->result, w->result < 0 ? strerror(-w->result) : "", call->expected);
  else if (!call->release && drift < -call->slack)
    victim_say("failed %s: ended after %.3f s instead of %.3f", call->name, w->elapsed, timeout_ms / 1000.0);
  else if (!call->release)
    return victim_say("ok %s drift %.3f", call->name, drift), true;
  else
    return victim_say("ok %s", call->name), true;
  return false;
}

static void *controls(void *argument) {
  for (int i = 0; i < waiting; i++) {
    while (!waits[i].tid) victim_doze();
    victim_until_asleep(waits[i].tid);
  }
  bool restarted = victim_wait();
  double now = victim_clock(CLOCK_MONOTONIC);
  bool good = true;
  for (int i = 0; i < waiting; i++) {
    struct wait *w = &waits[i];
    bool early = w->call->release && w->returned;
    if (w->call->release && !early) w->call->release(w);
    while (!w->returned && victim_clock(CLOCK_MONOTONIC) < now + 2 * timeout_ms / 1000.0 + 20) victim_doze();
    if (w->returned && w->call->prepare != none) {
      if (w->call->block == msgrcv_ || w->call->block == msgsnd_) msgctl(w->id, IPC_RMID, NULL);
      if (w->call->block == semop_ || w->call->block == semtimedop_) semctl(w->id, 0, IPC_RMID);
    }
    good = judge(w, early, restarted) && good;
  }
  if (good) victim_say("pass");
  exit(good ? 0 : 1);
  return argument;
}

int main(int argument_count, char **arguments) {
  bool in_main = argument_count > 1 && !strcmp(arguments[1], "--main");
  if (argument_count > 1 && !strcmp(arguments[1], "--list")) {
    for (int i = 0; i < count; i++) printf("%s %s %s\n", calls[i].name, calls[i].needs, calls[i].release ? "waits" : "timed");
    return 0;
  }
  if (getenv("VICTIM_TIMEOUT")) timeout_ms = atol(getenv("VICTIM_TIMEOUT"));
  signal(SIGPIPE, SIG_IGN);
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGUSR1, &action, NULL);
  pthread_sigmask(SIG_BLOCK, just_usr1(), NULL);
  waits = calloc(argument_count, sizeof *waits);
  for (int a = in_main ? 2 : 1; a < argument_count; a++) {
    int i = 0;
    while (i < count && strcmp(calls[i].name, arguments[a])) i++;
    if (i == count) FAIL("setup: no such call: %s", arguments[a]);
    waits[waiting].call = &calls[i];
    calls[i].prepare(&waits[waiting++]);
  }
  pthread_t thread;
  if (in_main) {
    pthread_create(&thread, NULL, controls, NULL);
    blocks(&waits[0]);
    pthread_join(thread, NULL);
  } else {
    for (int i = 0; i < waiting; i++)
      if (pthread_create(&thread, NULL, blocks, &waits[i])) FAIL("setup: thread %d", i);
    controls(NULL);
  }
}
