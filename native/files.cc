// files.cc: what the kernel holds for a process and lets go with it. Node has no call for it.
#include "session.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>

namespace selfsight {

namespace {

/**
 * lockFile(fd) → true: this open file holds the lock alone; false: another holds it; null: this file system knows no such locks.
 * An open-file-description lock (Linux 3.15) belongs to the open file, so two openings in one process exclude each other, closing
 * another opening lets nothing go, and the kernel frees it at exit: a zombie, a killed process, an ended container hold nothing.
 */
Napi::Value lockFile(const Napi::CallbackInfo& info) {
  return guarded(info, [&](Session&) -> Napi::Value {
#ifdef F_OFD_SETLK
    struct flock whole = {};
    whole.l_type = F_WRLCK;
    whole.l_whence = SEEK_SET;
    if (fcntl(info[0].ToNumber().Int32Value(), F_OFD_SETLK, &whole) == 0) return Napi::Boolean::New(info.Env(), true);
    if (errno == EAGAIN || errno == EACCES) return Napi::Boolean::New(info.Env(), false);
    if (errno == EBADF) throw std::runtime_error("lockFile: this file is not open for writing");
#endif
    return info.Env().Null();
  });
}

}  // namespace

void registerFiles(Napi::Env env, Napi::Object exports) { exports.Set("lockFile", Napi::Function::New(env, lockFile)); }

}  // namespace selfsight
