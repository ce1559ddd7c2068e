/**
 * The configuration that `--create-config` writes: ordinary development work
 * runs under it (npm, a TypeScript build, pytest, git), shells and the system's
 * administration do not.
 */
export const SAMPLE_CONFIG = `{
  // mcp-process reads this file once, when it starts. Comments and trailing
  // commas are fine; \`mcp-process --schema\` prints every setting there is.

  // What an agent may start. A bare name means the file that the server's PATH
  // gives; a path or a glob over absolute paths ("/opt/tools/*") works too.
  // An interpreter or a package runner can run anything that is written in its
  // language: allow those that your work needs, and nothing more.
  "allowedExecutables": [
    "node", "npm", "npx", "bun", "bunx", "deno", "tsc", "pnpm", "yarn",
    "python3", "python", "pytest", "uv", "ruff", "mypy",
    "git", "make", "cargo", "go",
    "ls", "cat", "head", "tail", "wc", "sort", "uniq", "grep", "rg", "diff",
    "echo", "sleep", "true", "false",
  ],

  // A project's own tools, by a glob or by path (or run them with npx):
  //   "/home/me/src/*/node_modules/.bin/*", "/home/me/src/*/.venv/bin/python"
  // An object holds rules for one executable:
  //   { "executable": "git", "blockedArguments": ["^push$"] }

  // No shell ever sees an argument, so "literal" is safe and lets a commit
  // message hold a semicolon. "strict" refuses shell characters and "../".
  "argumentValidation": "literal",

  // Shells would make the list above meaningless.
  "blockShellInterpreters": true,
  "blockSetuidExecutables": true,

  // Where processes may run: [] is anywhere. Better: ["/home/me/projects"].
  "allowedWorkingDirectories": [],

  // What a child gets of the server's environment. Secrets stay out unless
  // they are named: "inheritEnv": ["HOME", "LANG", "SSH_AUTH_SOCK"].
  "inheritEnv": "minimal",

  // What a process and all that it starts may use, unless a launch asks for
  // other limits; "maximumResourceLimits" bounds those. On Linux and macOS:
  //   "defaultResourceLimits": { "maxMemoryMB": 4000, "maxProcesses": 200 },

  // How much at a time, and for how long (seconds).
  "maxConcurrentProcesses": 20,
  "maxLaunchesPerMinute": 120,
  "maxProcessLifetime": 3600,

  // Every launch, refusal and end is recorded, by default in the user's state
  // directory (~/.local/state/mcp-process/audit.log on Linux).
  "enableAuditLog": true,
}
`;
