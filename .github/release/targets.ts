/** A machine that the program is compiled for. */
export interface Target {
	readonly runtime: Bun.Build.CompileTarget;
	readonly os: "linux" | "darwin" | "windows";
	readonly arch: "x64" | "arm64";
	readonly libc?: "musl";
}

/**
 * The machines that the program can be compiled for, by the names that `--target`
 * takes. "baseline" runs on every x64 processor; the other one needs AVX2.
 */
export const TARGETS = {
	"linux-x64": {
		runtime: "bun-linux-x64-baseline",
		os: "linux",
		arch: "x64",
	},
	"linux-x64-musl": {
		runtime: "bun-linux-x64-baseline-musl",
		os: "linux",
		arch: "x64",
		libc: "musl",
	},
	"linux-arm64": {
		runtime: "bun-linux-arm64",
		os: "linux",
		arch: "arm64",
	},
	"linux-arm64-musl": {
		runtime: "bun-linux-arm64-musl",
		os: "linux",
		arch: "arm64",
		libc: "musl",
	},
	"darwin-x64": {
		runtime: "bun-darwin-x64-baseline",
		os: "darwin",
		arch: "x64",
	},
	"darwin-arm64": {
		runtime: "bun-darwin-arm64",
		os: "darwin",
		arch: "arm64",
	},
	"windows-x64": {
		runtime: "bun-windows-x64-baseline",
		os: "windows",
		arch: "x64",
	},
} as const satisfies Readonly<Record<string, Target>>;

export type TargetName = keyof typeof TARGETS;

export const TARGET_NAMES = Object.keys(TARGETS).filter(
	(name): name is TargetName => name in TARGETS,
);

/** What the program's file is called on a target. */
export function binaryOf(name: TargetName): string {
	return TARGETS[name].os === "windows" ? "mcp-process.exe" : "mcp-process";
}
