#include "ctl/completion.hpp"

#include <CLI/CLI.hpp>
#include <sstream>

namespace plumbline::ctl {
namespace {

std::string options_of(const CLI::App& app) {
  std::string words;
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames()) words += (words.empty() ? "--" : " --") + name;
  return words;
}

/// Descriptions stand in single quotes.
std::string quoted(std::string text) {
  for (std::size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += 4) text.replace(at, 1, "'\\''");
  return "'" + text + "'";
}

std::string bash(const CLI::App& app) {
  std::string names;
  std::ostringstream cases;
  for (const auto* command : app.get_subcommands({})) {
    names += (names.empty() ? "" : " ") + command->get_name();
    cases << "    " << command->get_name() << ") words=\"" << options_of(*command)
          << (command->get_name() == "completion" ? " bash zsh fish" : "") << "\" ;;\n";
  }
  return "_plumb() {\n"
         "  local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\" command= words= i\n"
         "  case \"$before\" in\n"
         "    -o|--output) COMPREPLY=($(compgen -W \"table json ndjson\" -- \"$word\")); return ;;\n"
         "    --socket|--token-file|--ca-file) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n"
         "  esac\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
         "    case \" " +
         names +
         " \" in *\" ${COMP_WORDS[i]} \"*) command=\"${COMP_WORDS[i]}\" ;; esac\n"
         "  done\n"
         "  case \"$command\" in\n    \"\") words=\"" +
         names + "\" ;;\n" + cases.str() +
         "  esac\n"
         "  COMPREPLY=($(compgen -W \"$words " +
         options_of(app) + "\" -- \"$word\"))\n}\ncomplete -F _plumb plumb\n";
}

std::string zsh(const CLI::App& app) {
  std::ostringstream text;
  text << "#compdef plumb\n_plumb() {\n  local -a commands=(\n";
  for (const auto* command : app.get_subcommands({}))
    text << "    " << quoted(command->get_name() + ":" + command->get_description()) << "\n";
  text << "  )\n  if ((CURRENT == 2)); then\n    _describe command commands\n    return\n  fi\n  case $words[2] in\n";
  for (const auto* command : app.get_subcommands({}))
    text << "    " << command->get_name() << ") compadd -- " << options_of(*command) << " " << options_of(app)
         << (command->get_name() == "completion" ? " bash zsh fish" : "") << " ;;\n";
  text << "  esac\n}\nif [[ $zsh_eval_context[-1] == loadautofunc ]]; then _plumb \"$@\"; else compdef _plumb plumb; "
          "fi\n";
  return text.str();
}

std::string fish(const CLI::App& app) {
  std::ostringstream text;
  text << "complete -c plumb -f\n";
  for (const auto* option : app.get_options())
    for (const auto& name : option->get_lnames())
      text << "complete -c plumb -l " << name << " -d " << quoted(option->get_description()) << "\n";
  for (const auto* command : app.get_subcommands({})) {
    text << "complete -c plumb -n __fish_use_subcommand -a " << command->get_name() << " -d "
         << quoted(command->get_description()) << "\n";
    for (const auto* option : command->get_options())
      for (const auto& name : option->get_lnames())
        text << "complete -c plumb -n '__fish_seen_subcommand_from " << command->get_name() << "' -l " << name << " -d "
             << quoted(option->get_description()) << "\n";
  }
  text << "complete -c plumb -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n";
  return text.str();
}

}  // namespace

std::string completion_script(const CLI::App& app, const std::string& shell) {
  if (shell == "bash") return bash(app);
  if (shell == "zsh") return zsh(app);
  if (shell == "fish") return fish(app);
  return "";
}

}  // namespace plumbline::ctl
