/* Notes what a process does to the files under POWER_ROOT: each change, in its order, into POWER_LOG.
 *
 * Loaded by LD_PRELOAD, so that it sees all that goes through libc: SQLite's writes and our own. What is
 * noted follows what was done, before its caller goes on: a process that acts on what another one did comes
 * after it in the log. Compiled by the test.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define HANDLES 1024

struct __attribute__((packed)) head {
    uint8_t op;
    uint32_t pid;
    int32_t fd;
    int64_t number;
    uint32_t size;
};

static int notes = -1;
static const char *root;
static size_t root_size;
static char ours[HANDLES];

#define REAL(type, name, ...)                                              \
    static type (*real)(__VA_ARGS__);                                      \
    if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

__attribute__((constructor)) static void begin(void)
{
    const char *log = getenv("POWER_LOG");
    root = getenv("POWER_ROOT");
    if (!log || !root) return;
    root_size = strlen(root);
    int handle = (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    notes = (int)syscall(SYS_fcntl, handle, F_DUPFD_CLOEXEC, 900);
    syscall(SYS_close, handle);
}

static int is_ours(const char *path)
{
    return notes >= 0 && path && !strncmp(path, root, root_size);
}

static int tracked(int fd)
{
    return notes >= 0 && fd >= 0 && fd < HANDLES && ours[fd];
}

static void note(char op, int fd, int64_t number, const void *data, size_t size)
{
    int before = errno;
    struct head head = {(uint8_t)op, (uint32_t)getpid(), fd, number, (uint32_t)size};
    struct iovec parts[2] = {{&head, sizeof head}, {(void *)data, size}};
    if (syscall(SYS_writev, notes, parts, 2) != (long)(sizeof head + size)) abort();
    errno = before;
}

static void two(char op, const char *from, const char *to)
{
    char both[8192];
    size_t first = strlen(from) + 1, second = strlen(to) + 1;
    if (first + second > sizeof both) abort();
    memcpy(both, from, first);
    memcpy(both + first, to, second);
    note(op, -1, (int64_t)first, both, first + second);
}

static int opened(int fd, const char *path, int flags)
{
    if (fd >= 0 && fd < HANDLES) {
        ours[fd] = (char)is_ours(path);
        if (ours[fd]) note('o', fd, flags, path, strlen(path));
    }
    return fd;
}

static mode_t mode_of(int flags, va_list more)
{
    return flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;
}

#define OPEN(name)                                                         \
    int name(const char *path, int flags, ...)                             \
    {                                                                      \
        REAL(int, #name, const char *, int, ...);                          \
        va_list more;                                                      \
        va_start(more, flags);                                             \
        mode_t mode = mode_of(flags, more);                                \
        va_end(more);                                                      \
        return opened(real(path, flags, mode), path, flags);               \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                       \
    int name(int folder, const char *path, int flags, ...)                 \
    {                                                                      \
        REAL(int, #name, int, const char *, int, ...);                     \
        va_list more;                                                      \
        va_start(more, flags);                                             \
        mode_t mode = mode_of(flags, more);                                \
        va_end(more);                                                      \
        return opened(real(folder, path, flags, mode), path, flags);       \
    }
OPENAT(openat)
OPENAT(openat64)

int close(int fd)
{
    REAL(int, "close", int);
    if (fd >= 0 && fd < HANDLES) ours[fd] = 0;
    return real(fd);
}

ssize_t write(int fd, const void *data, size_t size)
{
    REAL(ssize_t, "write", int, const void *, size_t);
    ssize_t done = real(fd, data, size);
    if (done > 0 && tracked(fd))
        note('w', fd, lseek(fd, 0, SEEK_CUR) - done, data, (size_t)done);
    return done;
}

#define PWRITE(name)                                                       \
    ssize_t name(int fd, const void *data, size_t size, off_t at)          \
    {                                                                      \
        REAL(ssize_t, #name, int, const void *, size_t, off_t);            \
        ssize_t done = real(fd, data, size, at);                           \
        if (done > 0 && tracked(fd)) note('w', fd, at, data, (size_t)done);\
        return done;                                                       \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

#define TRUNCATE(name)                                                     \
    int name(int fd, off_t size)                                           \
    {                                                                      \
        REAL(int, #name, int, off_t);                                      \
        int done = real(fd, size);                                         \
        if (!done && tracked(fd)) note('t', fd, size, NULL, 0);            \
        return done;                                                       \
    }
TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

#define SYNC(name)                                                         \
    int name(int fd)                                                       \
    {                                                                      \
        REAL(int, #name, int);                                             \
        int done = real(fd);                                               \
        if (!done && tracked(fd)) note('s', fd, 0, NULL, 0);               \
        return done;                                                       \
    }
SYNC(fsync)
SYNC(fdatasync)

#define TWO(name, op)                                                      \
    int name(const char *from, const char *to)                             \
    {                                                                      \
        REAL(int, #name, const char *, const char *);                      \
        int done = real(from, to);                                         \
        if (!done && is_ours(to)) two(op, from, to);                       \
        return done;                                                       \
    }
TWO(rename, 'r')
TWO(link, 'l')

int unlink(const char *path)
{
    REAL(int, "unlink", const char *);
    int done = real(path);
    if (!done && is_ours(path)) note('u', -1, 0, path, strlen(path));
    return done;
}
