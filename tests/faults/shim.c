/* Counts the calls by which a program changes files, makes one of them fail, and keeps a log of them.
 *
 * Preloaded (LD_PRELOAD) before the C library, whose names it takes over; it calls the kernel itself. What counts is
 * every call on a file below SHIM_ROOT, and every write to standard output. Calls are made one at a time under a lock,
 * so that their numbers and the order in the log are those in which they took place, whichever threads made them.
 *
 *   SHIM_ROOT   the directory, absolute
 *   SHIM_MODE   what happens at the call number SHIM_AT (from 1):
 *                 kill    SIGKILL before it
 *                 torn    half of the bytes, then SIGKILL; a call without bytes, or up to 4,096 to a pipe, which takes
 *                         these as a whole, is made as it is before
 *                 eio, enospc, eintr    it fails with that
 *                 short   the first write from there on takes only half of the bytes
 *   SHIM_FIRED  a file that is written when it has happened: number, call, name
 *   SHIM_LOG    a file that takes a line for each call once it is made: call, name, numbers, bytes as hex
 *
 * What it must not do: change anything but that one call. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum mode { NONE, KILL, TORN, EIO_, ENOSPC_, EINTR_, SHORT };
static const char *const modes[] = {"none", "kill", "torn", "eio", "enospc", "eintr", "short"};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static enum mode mode;
static long at, count;
static char root[PATH_MAX], fired_path[PATH_MAX];
static size_t root_len;
static int log_fd = -1;
static dev_t out_dev;
static ino_t out_ino;
/* The shared mapping of a file of ours: the page for deliveries. */
static char mapped_name[NAME_MAX + 1];
static unsigned char *mapped;
static size_t mapped_len;

__attribute__((constructor)) static void start(void) {
  const char *value = getenv("SHIM_ROOT");
  if (!value) return;
  root_len = strlen(value);
  strncpy(root, value, sizeof root - 1);
  if ((value = getenv("SHIM_FIRED"))) strncpy(fired_path, value, sizeof fired_path - 1);
  if ((value = getenv("SHIM_AT"))) at = atol(value);
  if ((value = getenv("SHIM_MODE")))
    for (int n = 0; n < (int)(sizeof modes / sizeof *modes); n++)
      if (!strcmp(value, modes[n])) mode = (enum mode)n;
  if ((value = getenv("SHIM_LOG"))) {
    int fd = (int)syscall(SYS_openat, AT_FDCWD, value, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    /* Out of the way of the program's own descriptors. */
    log_fd = fcntl(fd, F_DUPFD_CLOEXEC, 900);
    syscall(SYS_close, fd);
  }
  struct stat status;
  if (!fstat(1, &status)) out_dev = status.st_dev, out_ino = status.st_ino;
}

/* The name of an absolute path below the root; 0 if it stands elsewhere. The root itself is called ".". */
static int below(const char *path, char *name) {
  if (!root_len || strncmp(path, root, root_len) || (path[root_len] && path[root_len] != '/')) return 0;
  snprintf(name, PATH_MAX, "%s", path[root_len] ? path + root_len + 1 : ".");
  return 1;
}

/* The same for a path as a program gives it. Relative ones are taken to be below the root, where it runs. */
static int named(const char *path, char *name) {
  if (!root_len) return 0;
  if (path[0] == '/') return below(path, name);
  while (!strncmp(path, "./", 2)) path += 2;
  snprintf(name, PATH_MAX, "%s", path);
  return 1;
}

/* The same for a descriptor; a pipe that is standard output is called "stdout". */
static int held(int fd, char *name) {
  char link[64], path[PATH_MAX];
  if (!root_len || fd == 2) return 0;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t len = readlink(link, path, sizeof path - 1);
  if (len < 0) return 0;
  path[len] = 0;
  if (below(path, name)) {
    /* A file that has lost its name; names have no blanks. */
    char *blank = strchr(name, ' ');
    if (blank) *blank = '?', blank[1] = 0;
    return 1;
  }
  struct stat status;
  if (fstat(fd, &status) || status.st_dev != out_dev || status.st_ino != out_ino) return 0;
  if (!S_ISFIFO(status.st_mode)) return 0;
  strcpy(name, "stdout");
  return 1;
}

static void hex(FILE *to, const unsigned char *bytes, size_t len) {
  static const char digits[] = "0123456789abcdef";
  for (size_t n = 0; n < len; n++) fputc(digits[bytes[n] >> 4], to), fputc(digits[bytes[n] & 15], to);
}

static void note(const char *call, const char *name, long one, const char *other, const void *bytes, size_t len) {
  if (log_fd < 0) return;
  char *line = NULL;
  size_t size = 0;
  FILE *to = open_memstream(&line, &size);
  fprintf(to, "%s %s %ld %s ", call, name, one, other ? other : "-");
  hex(to, bytes, len);
  fputc('\n', to);
  fclose(to);
  for (size_t done = 0; done < size;) done += (size_t)syscall(SYS_write, log_fd, line + done, size - done);
  free(line);
}

static void fire(const char *call, const char *name) {
  char text[PATH_MAX + 64];
  int len = snprintf(text, sizeof text, "%ld %s %s\n", count, call, name);
  int fd = (int)syscall(SYS_openat, AT_FDCWD, fired_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  syscall(SYS_write, fd, text, (size_t)len);
  syscall(SYS_close, fd);
}

static void die(void) {
  syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

/* What happens to the next call, which has bytes or none. Called with the lock held. */
static enum mode next(const char *call, const char *name, int has_bytes) {
  count++;
  int now = mode == SHORT ? has_bytes && count >= at : count == at;
  if (mode == NONE || !now) return NONE;
  enum mode mine = mode;
  mode = mine == SHORT ? NONE : mode;
  fire(call, name);
  if (mine == KILL) die();
  return mine;
}

static int is_error(enum mode mine) {
  switch (mine) {
    case EIO_: errno = EIO; return 1;
    case ENOSPC_: errno = ENOSPC; return 1;
    case EINTR_: errno = EINTR; return 1;
    default: return 0;
  }
}

/* A call without bytes: makes it unless it is to fail, notes it, and dies behind it if it is to be torn. */
#define SIMPLE(call, name, one, other, make) NAMED(call, name, name, one, other, make)
/* The same where a failure is told of another file. */
#define NAMED(call, told, name, one, other, make)                  \
  do {                                                             \
    pthread_mutex_lock(&lock);                                     \
    enum mode mine = next(call, told, 0);                          \
    long result = -1;                                              \
    if (!is_error(mine)) {                                         \
      result = (make);                                             \
      if (result >= 0) note(call, name, (long)(one), other, 0, 0); \
    }                                                              \
    int error = errno;                                             \
    if (mine == TORN) die();                                       \
    pthread_mutex_unlock(&lock);                                   \
    errno = error;                                                 \
    return (int)result;                                            \
  } while (0)

static ssize_t put(int fd, const void *bytes, size_t len, off64_t where) {
  char name[PATH_MAX];
  if (!held(fd, name))
    return where < 0 ? syscall(SYS_write, fd, bytes, len) : syscall(SYS_pwrite64, fd, bytes, len, where);
  pthread_mutex_lock(&lock);
  int is_pipe = !strcmp(name, "stdout");
  if (is_pipe && mapped) note("page", mapped_name, 0, 0, mapped, mapped_len);
  enum mode mine = next("write", name, 1);
  size_t part = len;
  if ((mine == SHORT && len > 1) || (mine == TORN && !(is_pipe && len <= PIPE_BUF))) part = len / 2;
  ssize_t done = -1;
  if (!is_error(mine)) {
    done = where < 0 ? syscall(SYS_write, fd, bytes, part) : syscall(SYS_pwrite64, fd, bytes, part, where);
    if (done >= 0) {
      off64_t end = is_pipe ? 0 : where < 0 ? lseek64(fd, 0, SEEK_CUR) : where + done;
      note("write", name, is_pipe ? 0 : end - done, 0, bytes, (size_t)done);
    }
  }
  int error = errno;
  if (mine == TORN) die();
  pthread_mutex_unlock(&lock);
  errno = error;
  return done;
}

ssize_t write(int fd, const void *bytes, size_t len) { return put(fd, bytes, len, -1); }
ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t where) { return put(fd, bytes, len, where); }
ssize_t pwrite(int fd, const void *bytes, size_t len, off_t where) { return put(fd, bytes, len, where); }

ssize_t writev(int fd, const struct iovec *parts, int many) {
  char name[PATH_MAX];
  if (!held(fd, name)) return syscall(SYS_writev, fd, parts, many);
  size_t len = 0, done = 0;
  for (int n = 0; n < many; n++) len += parts[n].iov_len;
  char *bytes = malloc(len ? len : 1);
  for (int n = 0; n < many; n++) {
    memcpy(bytes + done, parts[n].iov_base, parts[n].iov_len);
    done += parts[n].iov_len;
  }
  ssize_t put_in = put(fd, bytes, len, -1);
  int error = errno;
  free(bytes);
  errno = error;
  return put_in;
}

static int open_counted(const char *path, int flags, mode_t permissions) {
  char name[PATH_MAX];
  if (!(flags & (O_CREAT | O_TRUNC)) || !named(path, name))
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, permissions);
  struct stat status;
  int is_new = (flags & O_CREAT) && lstat(path, &status) != 0;
  SIMPLE("open", name, is_new, flags & O_TRUNC ? "trunc" : "keep",
         syscall(SYS_openat, AT_FDCWD, path, flags, permissions));
}

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t permissions = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_counted(path, flags, permissions);
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t permissions = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_counted(path, flags, permissions);
}

int rename(const char *from, const char *to) {
  char name[PATH_MAX], other[PATH_MAX];
  if (!named(from, name) || !named(to, other)) return (int)syscall(SYS_rename, from, to);
  NAMED("rename", other, name, 0, other, syscall(SYS_rename, from, to));
}

int unlink(const char *path) {
  char name[PATH_MAX];
  if (!named(path, name)) return (int)syscall(SYS_unlink, path);
  SIMPLE("unlink", name, 0, 0, syscall(SYS_unlink, path));
}

int mkdir(const char *path, mode_t permissions) {
  char name[PATH_MAX];
  if (!named(path, name)) return (int)syscall(SYS_mkdir, path, permissions);
  SIMPLE("mkdir", name, 0, 0, syscall(SYS_mkdir, path, permissions));
}

int fsync(int fd) {
  char name[PATH_MAX];
  if (!held(fd, name)) return (int)syscall(SYS_fsync, fd);
  SIMPLE("fsync", name, 0, 0, syscall(SYS_fsync, fd));
}

int fdatasync(int fd) {
  char name[PATH_MAX];
  if (!held(fd, name)) return (int)syscall(SYS_fdatasync, fd);
  SIMPLE("fdatasync", name, 0, 0, syscall(SYS_fdatasync, fd));
}

int ftruncate64(int fd, off64_t len) {
  char name[PATH_MAX];
  if (!held(fd, name)) return (int)syscall(SYS_ftruncate, fd, len);
  SIMPLE("ftruncate", name, len, 0, syscall(SYS_ftruncate, fd, len));
}

int ftruncate(int fd, off_t len) { return ftruncate64(fd, len); }

void *mmap64(void *where, size_t len, int protection, int flags, int fd, off64_t offset) {
  void *made = (void *)syscall(SYS_mmap, where, len, protection, flags, fd, offset);
  char name[PATH_MAX];
  if (made == MAP_FAILED || !(flags & MAP_SHARED) || !(protection & PROT_WRITE) || fd < 0 || !held(fd, name))
    return made;
  pthread_mutex_lock(&lock);
  snprintf(mapped_name, sizeof mapped_name, "%.255s", name);
  mapped = made;
  mapped_len = len;
  pthread_mutex_unlock(&lock);
  return made;
}

void *mmap(void *where, size_t len, int protection, int flags, int fd, off_t offset) {
  return mmap64(where, len, protection, flags, fd, offset);
}

int msync(void *from, size_t len, int flags) {
  if (!mapped || (unsigned char *)from != mapped) return (int)syscall(SYS_msync, from, len, flags);
  pthread_mutex_lock(&lock);
  enum mode mine = next("msync", mapped_name, 0);
  long result = -1;
  if (!is_error(mine)) {
    note("msync", mapped_name, 0, 0, mapped, mapped_len);
    result = syscall(SYS_msync, from, len, flags);
  }
  int error = errno;
  if (mine == TORN) die();
  pthread_mutex_unlock(&lock);
  errno = error;
  return (int)result;
}
