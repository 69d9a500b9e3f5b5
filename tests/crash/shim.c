/* Stands between a process and the C library, counts what the process changes below one folder, and makes one of these
 * calls go wrong: LD_PRELOAD it, then arm() it. What goes past the C library (mmap, what a static library calls) is not
 * seen.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* BROKEN: this call alone fails; the others: and all later ones, of FILES those that open a file for writing. HELD: the
 * process is stopped before it, until somebody lets it go on. CLOCK: it goes on, but the clock is an hour back.
 * READING: of another folder, and only what opens files there for reading is counted, and fails. OTHER: the process
 * that aim() names is killed, and this one goes on.
 */
enum { COUNT, KILL_BEFORE, KILL_AFTER, FULL, BROKEN, FILES, READ_ONLY, HELD, CLOCK, READING, OTHER };
enum { TAKES_AWAY, WRITES, OPENS, READS }; /* what a call does: TAKES_AWAY succeeds on a full disk, too */
enum { HOUR = 3600 };

static char below[4096], kept[4096]; /* kept: the folder for every file that took the place of another, or "" */
static size_t length;
static int mode, armed, back; /* back: seconds of the clock */
static long fatal;
static atomic_long calls, copies;
static pid_t other;

void arm(const char *folder, const char *copies_in, int how, long call) {
    snprintf(below, sizeof below, "%s/", folder);
    snprintf(kept, sizeof kept, "%s", copies_in);
    length = strlen(below);
    mode = how;
    fatal = call;
    atomic_store(&calls, 0);
    back = 0;
    armed = 1;
}

void aim(int process) { other = process; }

long disarm(void) {
    armed = 0;
    return atomic_load(&calls);
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static int is_below(const char *path) {
    char whole[4096];
    if (!armed || !path) return 0;
    if (path[0] != '/') {
        char here[2048];
        if (!getcwd(here, sizeof here)) return 0;
        snprintf(whole, sizeof whole, "%s/%s", here, path);
        path = whole;
    }
    return strncmp(path, below, length) == 0 || (strlen(path) == length - 1 && strncmp(path, below, length - 1) == 0);
}

static int is_below_at(int folder, const char *path) {
    char name[64], whole[4096 + 256];
    if (!armed || !path) return 0;
    if (folder == AT_FDCWD || path[0] == '/') return is_below(path);
    snprintf(name, sizeof name, "/proc/self/fd/%d", folder);
    ssize_t size = readlink(name, whole, 4096);
    if (size < 0) return 0;
    snprintf(whole + size, sizeof whole - size, "/%s", path);
    return is_below(whole);
}

static int is_open_below(int file) { return armed && is_below_at(file, ""); }

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Why a call fails, or 0. */
static int refusal(int kind, long call) {
    if (call == fatal && mode == BROKEN && kind != TAKES_AWAY) return EIO;
    if (!fatal || call < fatal) return 0; /* 0: they are only counted */
    if (mode == FULL && kind != TAKES_AWAY) return ENOSPC;
    if ((mode == FILES && kind == OPENS) || kind == READS) return EMFILE;
    return mode == READ_ONLY ? EROFS : 0;
}

/* What becomes of the next call: 0 goes on as usual, 1 dies after it, -1 fails with errno. */
static int next(int kind) {
    if ((kind == READS) != (mode == READING)) return 0;
    long call = atomic_fetch_add(&calls, 1) + 1;
    if (call == fatal && mode == HELD) raise(SIGSTOP);
    if (call == fatal && mode == CLOCK) back = HOUR;
    if (call == fatal && mode == OTHER && other > 0) kill(other, SIGKILL);
    if (call == fatal && mode == KILL_BEFORE) die();
    if (call == fatal && mode == KILL_AFTER) return 1;
    int why = refusal(kind, call);
    if (why) errno = why;
    return why ? -1 : 0;
}

#define CALLED(concerned, kind, failure, ...)         \
    int fate = (concerned) ? next(kind) : 0;          \
    if (fate < 0) return failure;                     \
    __typeof__(real(__VA_ARGS__)) gave = real(__VA_ARGS__); \
    if (fate > 0) die();                              \
    return gave

/* The rights of a file that is made, which only then are given, and whether the call may change one. */
#define ASKED_BY(flags)                                                                        \
    va_list more;                                                                              \
    va_start(more, flags);                                                                     \
    int rights = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, int) : 0;                        \
    va_end(more);                                                                              \
    int changes = flags & (O_CREAT | O_WRONLY | O_RDWR | O_TRUNC)

#define OPENING(name)                                                                          \
    int name(const char *path, int flags, ...) {                                               \
        REAL(name);                                                                            \
        ASKED_BY(flags);                                                                       \
        CALLED(is_below(path), changes ? OPENS : READS, -1, path, flags, rights);              \
    }
#define OPENING_AT(name)                                                                       \
    int name(int folder, const char *path, int flags, ...) {                                   \
        REAL(name);                                                                            \
        ASKED_BY(flags);                                                                       \
        CALLED(is_below_at(folder, path), changes ? OPENS : READS, -1, folder, path, flags, rights); \
    }
OPENING(open)
OPENING(open64)
OPENING_AT(openat)
OPENING_AT(openat64)

#define STREAM(name)                                                                           \
    FILE *name(const char *path, const char *how) {                                            \
        REAL(name);                                                                            \
        CALLED(is_below(path), strpbrk(how, "wa+") ? OPENS : READS, NULL, path, how);          \
    }
STREAM(fopen)
STREAM(fopen64)

/* A process killed "after" a write has written half of it. */
#define HALF(size) ((size) > 1 ? (size) / 2 : (size))

ssize_t write(int file, const void *what, size_t size) {
    REAL(write);
    int fate = is_open_below(file) ? next(WRITES) : 0;
    if (fate < 0) return -1;
    ssize_t gave = real(file, what, fate > 0 ? HALF(size) : size);
    if (fate > 0) die();
    return gave;
}

#define WRITING_AT(name, place)                                                                \
    ssize_t name(int file, const void *what, size_t size, place where) {                       \
        REAL(name);                                                                            \
        int fate = is_open_below(file) ? next(WRITES) : 0;                                          \
        if (fate < 0) return -1;                                                               \
        ssize_t gave = real(file, what, fate > 0 ? HALF(size) : size, where);                  \
        if (fate > 0) die();                                                                   \
        return gave;                                                                           \
    }
WRITING_AT(pwrite, off_t)
WRITING_AT(pwrite64, off64_t)

ssize_t writev(int file, const struct iovec *what, int count) {
    REAL(writev);
    int fate = is_open_below(file) ? next(WRITES) : 0;
    if (fate < 0) return -1;
    ssize_t gave = real(file, what, fate > 0 ? HALF(count) : count);
    if (fate > 0) die();
    return gave;
}

size_t fwrite(const void *what, size_t size, size_t count, FILE *file) {
    REAL(fwrite);
    int fate = armed && is_open_below(fileno(file)) ? next(WRITES) : 0;
    if (fate < 0) return 0;
    size_t gave = real(what, size, fate > 0 ? HALF(count) : count, file);
    if (fate > 0) {
        fflush(file);
        die();
    }
    return gave;
}

static void keep(const char *from, const char *to) {
    if (!armed || !kept[0]) return;
    char name[4200];
    long number = atomic_fetch_add(&copies, 1);
    snprintf(name, sizeof name, "%s/%ld", kept, number);
    if (link(from, name)) return;
    strcat(name, ".of");
    FILE *file = fopen(name, "w");
    if (!file) return;
    fputs(to, file);
    fclose(file);
}

int rename(const char *from, const char *to) {
    REAL(rename);
    if (is_below(to)) keep(from, to);
    CALLED(is_below(to), WRITES, -1, from, to);
}
int renameat(int a, const char *from, int b, const char *to) {
    REAL(renameat);
    if (is_below_at(b, to)) keep(from, to);
    CALLED(is_below_at(b, to), WRITES, -1, a, from, b, to);
}
int mkdir(const char *path, mode_t rights) {
    REAL(mkdir);
    CALLED(is_below(path), WRITES, -1, path, rights);
}
int mkdirat(int folder, const char *path, mode_t rights) {
    REAL(mkdirat);
    CALLED(is_below_at(folder, path), WRITES, -1, folder, path, rights);
}
int fsync(int file) {
    REAL(fsync);
    CALLED(is_open_below(file), WRITES, -1, file);
}
int fdatasync(int file) {
    REAL(fdatasync);
    CALLED(is_open_below(file), WRITES, -1, file);
}
int ftruncate(int file, off_t size) {
    REAL(ftruncate);
    CALLED(is_open_below(file), WRITES, -1, file, size);
}
int ftruncate64(int file, off64_t size) {
    REAL(ftruncate64);
    CALLED(is_open_below(file), WRITES, -1, file, size);
}
int link(const char *from, const char *to) {
    REAL(link);
    CALLED(is_below(to), WRITES, -1, from, to);
}
int symlink(const char *from, const char *to) {
    REAL(symlink);
    CALLED(is_below(to), WRITES, -1, from, to);
}
int unlink(const char *path) {
    REAL(unlink);
    CALLED(is_below(path), TAKES_AWAY, -1, path);
}
int unlinkat(int folder, const char *path, int flags) {
    REAL(unlinkat);
    CALLED(is_below_at(folder, path), TAKES_AWAY, -1, folder, path, flags);
}
int rmdir(const char *path) {
    REAL(rmdir);
    CALLED(is_below(path), TAKES_AWAY, -1, path);
}

int clock_gettime(clockid_t which, struct timespec *now) {
    REAL(clock_gettime);
    int gave = real(which, now);
    if (armed && gave == 0 && which == CLOCK_REALTIME) now->tv_sec -= back;
    return gave;
}
