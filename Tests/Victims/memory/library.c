// The library of program_gone.c: one function that runs before the checkpoint, one only after.
static int base = 0;
__attribute__((constructor)) static void start(void) { base = 1000; }
int library_touched(int x) { return base + x; }
__attribute__((aligned(65536))) int library_untouched(int x) { return 2 * base + x; }
