// POSIX shared memory and a named semaphore whose names are gone at the restart, as after a reboot: made again, with
// what was in them.
#include <semaphore.h>
#include "victim.h"

int main(void) {
  char shared[40], name[40], file[96];
  snprintf(shared, sizeof shared, "/ckpt-victim-%d", getpid());
  snprintf(name, sizeof name, "/ckpt-victim-s-%d", getpid());
  snprintf(file, sizeof file, "/dev/shm%s", shared);
  int descriptor = MUST(shm_open(shared, O_CREAT | O_EXCL | O_RDWR, 0640));
  MUST(ftruncate(descriptor, 3 * PAGE));
  char *place = MUST(mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0));
  victim_fill(place, PAGE, 1);
  victim_fill(place + 2 * PAGE, PAGE, 2);
  sem_t *semaphore = sem_open(name, O_CREAT | O_EXCL, 0600, 7);
  if (semaphore == SEM_FAILED) FAIL("setup sem_open: %s", strerror(errno));
  FILE *list = fopen("shm.objects", "w");
  fprintf(list, "%s\n/dev/shm/sem.%s\n", file, name + 1);
  fclose(list);
  victim_wait();
  int value = 0;
  sem_getvalue(semaphore, &value);
  CHECK(value == 7 && sem_trywait(semaphore) == 0, "the semaphore has %d", value);
  CHECK(victim_filled(place, PAGE, 1) && victim_filled(place + 2 * PAGE, PAGE, 2), "its contents");
  int again = shm_open(shared, O_RDWR, 0);
  CHECK(again >= 0, "no name: %s", strerror(errno));
  char *other = MUST(mmap(NULL, 3 * PAGE, PROT_READ, MAP_SHARED, again, 0));
  place[PAGE] = 42;
  CHECK(other[PAGE] == 42 && pread(descriptor, name, 1, PAGE) == 1 && name[0] == 42, "it is not the same memory");
  struct stat status;
  fstat(again, &status);
  CHECK((status.st_mode & 0777) == 0640, "its mode is %o", status.st_mode);
  shm_unlink(shared);
  list = fopen("shm.objects", "r");
  CHECK(fgets(file, sizeof file, list) && fgets(file, sizeof file, list));
  file[strcspn(file, "\n")] = 0;
  unlink(file);
  victim_pass();
}
