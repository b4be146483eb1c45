#include "agent/machine.hpp"

#include <fstream>

namespace plumbline::agent {

bool is_of_amazon(const std::string& sys) {
  for (const char* name : {"sys_vendor", "bios_vendor", "bios_version"}) {
    std::ifstream file(sys + "/class/dmi/id/" + name);
    std::string line;
    std::getline(file, line);
    if (line.find("Amazon") != std::string::npos || line.find("amazon") != std::string::npos) return true;
  }
  return false;
}

}  // namespace plumbline::agent
