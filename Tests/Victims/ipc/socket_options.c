// Every option that can be read and set, on listening, bound and new sockets of each family, has its value again.
// Which ones this kernel lets be set is found by trying: each is moved away from its first value.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "victim.h"

enum { KINDS = 8, NAMES = 110, MOST = 16 };
static const int levels[] = {IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, IPPROTO_UDP, SOL_SOCKET};
enum { LEVELS = sizeof levels / sizeof *levels };

struct option {
  bool reads, sets;
  socklen_t size;
  unsigned char was[MOST];
};
static struct option table[KINDS][LEVELS][NAMES];
static int sockets[KINDS];

// Not a setting: errors, what only tells, what the kernel changes by itself, and what would change the test itself.
static bool left_out(int level, int name) {
  if (level == SOL_SOCKET)
    return name == SO_ERROR || name == SO_REUSEPORT || name == SO_DEBUG || name == SO_LOCK_FILTER || name == SO_PEEK_OFF;
  if (level == IPPROTO_TCP) return name == 12 /* QUICKACK */ || name == 19 || name == 20 || name == 21 || name == 24 || name == 31;
  if (level == IPPROTO_UDP) return name == 100 /* ENCAP takes the socket's datagrams */ || name == 1 /* CORK */;
  if (level == IPPROTO_IPV6) return name == IPV6_V6ONLY || name == 1 /* ADDRFORM */;
  return level == IPPROTO_IP && (name == 4 || name == 9);
}

static bool fits(int kind, int level) {
  bool six = kind == 1 || kind == 3, stream = kind == 0 || kind == 1 || kind == 4, local = kind >= 6;
  if (level == SOL_SOCKET) return true;
  if (local) return false;
  if (level == IPPROTO_IPV6) return six;
  return level == IPPROTO_IP || (level == IPPROTO_TCP) == stream;
}

static bool get(int fd, int level, int name, struct option *option) {
  option->size = MOST;
  memset(option->was, 0, MOST);
  return getsockopt(fd, level, name, option->was, &option->size) == 0 && option->size <= MOST;
}

static void move(int fd, int level, int name, struct option *option) {
  int now;
  memcpy(&now, option->was, sizeof now);
  const int tries[] = {now == 0 || now == 1 ? 1 - now : now + 1, 2, 16, 1300, 40, 600, (40001 << 16) | 40000};
  for (unsigned i = 0; i < sizeof tries / sizeof *tries && !option->sets; i++)
    option->sets = setsockopt(fd, level, name, &tries[i], sizeof tries[i]) == 0;
}

static void name_and_listen(int kind) {
  struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
  struct sockaddr_un local = {.sun_family = AF_UNIX};
  snprintf(local.sun_path + 1, sizeof local.sun_path - 1, "victim options %d", getpid());
  int fd = sockets[kind];
  if (kind == 0 || kind == 2) CHECK(bind(fd, (void *)&four, sizeof four) == 0, "bind: %s", strerror(errno));
  if (kind == 1 || kind == 3) CHECK(bind(fd, (void *)&six, sizeof six) == 0, "bind: %s", strerror(errno));
  if (kind == 6) CHECK(bind(fd, (void *)&local, sizeof local) == 0, "bind: %s", strerror(errno));
  if (kind == 0 || kind == 1 || kind == 6) CHECK(listen(fd, 5) == 0);
}

int main(void) {
  static const int families[KINDS] = {AF_INET, AF_INET6, AF_INET, AF_INET6, AF_INET, AF_INET, AF_UNIX, AF_UNIX};
  static const int types[KINDS] = {SOCK_STREAM, SOCK_STREAM, SOCK_DGRAM, SOCK_DGRAM, SOCK_STREAM, SOCK_DGRAM, SOCK_STREAM, SOCK_DGRAM};
  int moved = 0, lost = 0;
  for (int kind = 0; kind < KINDS; kind++) {
    sockets[kind] = socket(families[kind], types[kind], 0);
    if (sockets[kind] < 0) {
      if (families[kind] == AF_INET6) _exit(77);
      FAIL("socket: %s", strerror(errno));
    }
    for (int l = 0; l < LEVELS; l++)
      for (int name = 1; name < NAMES && fits(kind, levels[l]); name++) {
        struct option *option = &table[kind][l][name];
        if (left_out(levels[l], name) || !get(sockets[kind], levels[l], name, option)) continue;
        move(sockets[kind], levels[l], name, option);
      }
    name_and_listen(kind);
    for (int l = 0; l < LEVELS; l++)
      for (int name = 1; name < NAMES && fits(kind, levels[l]); name++) {
        struct option *option = &table[kind][l][name];
        if (!option->sets) continue;
        option->reads = get(sockets[kind], levels[l], name, option);
        moved += option->reads;
      }
  }
  CHECK(moved > 250, "only %d options could be set", moved);
  victim_wait();
  for (int kind = 0; kind < KINDS; kind++)
    for (int l = 0; l < LEVELS; l++)
      for (int name = 1; name < NAMES; name++) {
        struct option *option = &table[kind][l][name], now;
        if (!option->reads) continue;
        if (get(sockets[kind], levels[l], name, &now) && now.size == option->size && !memcmp(now.was, option->was, MOST)) continue;
        lost++;
        victim_say("socket %d: option %d of level %d was %02x%02x%02x%02x, is %02x%02x%02x%02x", kind, name, levels[l], option->was[0],
                   option->was[1], option->was[2], option->was[3], now.was[0], now.was[1], now.was[2], now.was[3]);
      }
  CHECK(lost == 0, "%d of %d options are lost", lost, moved);
  victim_pass();
}
