// Talks with the driver over its terminal, a line at a time: `say X`, `raw`, `modes`, `raise N`, `exit N`,
// `abort`. SIGINT and SIGWINCH are announced; SIGTSTP and the rest do what they do by themselves.
#include <sys/ioctl.h>
#include <termios.h>
#include "victim.h"

static void announce(int number) { victim_say(number == SIGINT ? "interrupted" : "resized"); }

// One line by single bytes, so that nothing is read ahead of it.
static bool next_line(char *line, int size) {
  int length = 0;
  for (char byte;;) {
    ssize_t n = read(0, &byte, 1);
    if (n == 0) return false;
    if (n < 0) FAIL("read: %s", strerror(errno));
    if (byte == '\n' || byte == '\r') break;
    if (length < size - 1) line[length++] = byte;
  }
  line[length] = 0;
  return true;
}

int main(void) {
  struct sigaction action = {.sa_handler = announce, .sa_flags = SA_RESTART};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGWINCH, &action, NULL);
  victim_say("ready");
  char line[256];
  struct termios modes;
  while (next_line(line, sizeof line)) {
    if (!strncmp(line, "say ", 4)) victim_say("said %s", line + 4);
    if (!strncmp(line, "exit ", 5)) exit(atoi(line + 5));
    if (!strncmp(line, "raise ", 6)) raise(atoi(line + 6));
    if (!strcmp(line, "abort")) abort();
    if (!strcmp(line, "raw")) {
      tcgetattr(0, &modes);
      cfmakeraw(&modes);
      modes.c_cc[VMIN] = 1;
      tcsetattr(0, TCSANOW, &modes);
      victim_say("raw now");
    }
    if (!strcmp(line, "modes"))
      victim_say("modes %s", tcgetattr(0, &modes) ? strerror(errno) : modes.c_lflag & ICANON ? "cooked" : "raw");
    if (!strcmp(line, "group")) victim_say("group %s", tcgetpgrp(0) == getpgrp() ? "foreground" : "background");
  }
  victim_say("end of input");
  return 0;
}
