/**
 * Variables that make a program load or run something, or look for its settings
 * where an agent has written them: to set one is to run code. A trailing `*`
 * stands for any rest. Compared without case everywhere: npm reads its own in
 * lower case, and Windows knows no case.
 */
export const CODE = [
	...["LD_*", "DYLD_*", "GLIBC_TUNABLES", "GCONV_PATH", "LOCPATH"],
	...["PATH", "PATHEXT", "COMSPEC", "SystemRoot", "windir", "SHELL"],
	...["HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA"],
	...["XDG_CONFIG_*", "XDG_DATA_*"],
	...["BASH_ENV", "BASH_FUNC_*", "ENV", "ZDOTDIR", "PROMPT_COMMAND"],
	...["IFS", "SHELLOPTS", "BASHOPTS", "PS4"],
	...["NODE_OPTIONS", "NODE_PATH", "NODE_REPL_EXTERNAL_MODULE"],
	...["NODE_COMPILE_CACHE", "BUN_*", "DENO_DIR", "ESBUILD_BINARY_PATH"],
	...["NPM_CONFIG_*", "YARN_*", "PNPM_*", "COREPACK_*", "MCP_PROCESS_*"],
	...["PYTHON*", "PIP_*", "UV_*", "PYTEST_*", "VIRTUAL_ENV"],
	...["PERL5LIB", "PERLLIB", "PERL5OPT", "PERL5DB"],
	...["RUBYLIB", "RUBYOPT", "RUBYGEMS_GEMDEPS", "GEM_*", "BUNDLE_*"],
	...["JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS", "CLASSPATH"],
	...["JAVA_HOME", "MAVEN_OPTS", "MAVEN_ARGS", "GRADLE_*"],
	...["LUA_PATH*", "LUA_CPATH*", "LUA_INIT*", "PHPRC", "PHP_INI_SCAN_DIR"],
	...["TCL*", "DOTNET_STARTUP_HOOKS", "CORECLR_*", "COR_*"],
	...["GIT_*", "SSH_ASKPASS*", "SSH_SK_*", "SVN_SSH", "HGRCPATH"],
	...["PAGER", "MANPAGER", "LESS", "LESSOPEN", "LESSCLOSE", "LESSKEY*"],
	...["EDITOR", "VISUAL", "BROWSER", "VIMINIT", "EXINIT"],
	...["MAKEFLAGS", "MAKEFILES", "GNUMAKEFLAGS", "MFLAGS", "CC", "CXX"],
	...["COMPILER_PATH", "GCC_EXEC_PREFIX", "CMAKE_*"],
	...["GOFLAGS", "GOENV", "GOTOOLCHAIN", "GOROOT"],
	...["RUSTC", "RUSTC_*", "RUSTFLAGS", "RUSTDOC*", "CARGO_*"],
	...["TAR_OPTIONS", "ZIPOPT", "RSYNC_*", "RIPGREP_CONFIG_PATH"],
	...["WGETRC", "CURL_HOME", "KUBECONFIG", "DOCKER_*", "AWS_CONFIG_FILE"],
	...["GNUPGHOME", "OPENSSL_CONF", "OPENSSL_ENGINES", "OPENSSL_MODULES"],
	...["GTK_MODULES", "GTK_PATH", "QT_PLUGIN_PATH"],
];

/** Those of the names above that only say how something is shown or who did it. */
export const HARMLESS = [
	...["GIT_AUTHOR_*", "GIT_COMMITTER_*", "GIT_TERMINAL_PROMPT"],
	...["GIT_OPTIONAL_LOCKS", "GIT_MERGE_AUTOEDIT"],
	...["PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONUTF8"],
	...["PYTHONIOENCODING", "PYTHONHASHSEED", "PYTHONFAULTHANDLER"],
	...["PIP_NO_INPUT", "PIP_QUIET", "CARGO_TERM_COLOR"],
];
