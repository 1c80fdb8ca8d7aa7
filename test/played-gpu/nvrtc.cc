// Plays NVRTC: "compiles" with g++ against device.h, and hands out the path of the library that it made as machine code.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <regex>
#include <string>

namespace {
struct Program {
  std::string folder, log, code;
};

void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

std::string readAll(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/** The source with an entry for each of its kernels. */
std::string withEntries(std::string source) {
  const std::regex kernel("__global__ void (\\w+)\\(");
  std::string entries;
  for (std::sregex_iterator at(source.begin(), source.end(), kernel), end; at != end; ++at) entries += "PLAYED_KERNEL(" + (*at)[1].str() + ")\n";
  return source + entries;
}
}  // namespace

extern "C" {
int nvrtcCreateProgram(void** handle, const char* source, const char*, int count, const char* const* texts, const char* const* names) {
  auto* program = new Program;
  program->folder = std::string(getenv("PLAYED_FOLDER")) + "/program-XXXXXX";
  mkdtemp(&program->folder[0]);
  write(program->folder + "/source.cc", withEntries(source));
  for (int i = 0; i < count; ++i) write(program->folder + "/" + names[i], texts[i]);
  *handle = program;
  return 0;
}
int nvrtcCompileProgram(void* handle, int count, const char* const* options) {
  auto* program = static_cast<Program*>(handle);
  if (getenv("PLAYED_NVRTC_FAILS")) {
    program->log = "views.cu(7): error: the test says so";
    return 6;
  }
  std::string command = "g++ -shared -fPIC -O1 -std=c++17 -include " PLAYED_DEVICE " -o " + program->folder + "/code.so " + program->folder + "/source.cc";
  for (int i = 0; i < count; ++i)
    if (strncmp(options[i], "-D", 2) == 0) command += std::string(" ") + options[i];
  if (system((command + " 2>" + program->folder + "/log").c_str()) != 0) {
    program->log = readAll(program->folder + "/log");
    return 6;
  }
  program->code = program->folder + "/code.so";
  return 0;
}
int nvrtcGetProgramLogSize(void* handle, size_t* size) {
  *size = static_cast<Program*>(handle)->log.size() + 1;
  return 0;
}
int nvrtcGetProgramLog(void* handle, char* text) {
  strcpy(text, static_cast<Program*>(handle)->log.c_str());
  return 0;
}
int nvrtcGetCUBINSize(void* handle, size_t* size) {
  *size = static_cast<Program*>(handle)->code.size() + 1;
  return 0;
}
int nvrtcGetCUBIN(void* handle, char* bytes) {
  strcpy(bytes, static_cast<Program*>(handle)->code.c_str());
  return 0;
}
int nvrtcDestroyProgram(void** handle) {
  delete static_cast<Program*>(*handle);
  return 0;
}
}
