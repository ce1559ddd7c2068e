/** Put in by build.ts; not there where the program runs from its sources. */
declare const BUILD_COMMIT: string;
declare const BUILD_TARGET: string;

/** What this program was built from, and for. */
export const build = {
	/** The first 12 digits of the commit, with a `+` where its files were changed. */
	commit: typeof BUILD_COMMIT === "undefined" ? "unknown" : BUILD_COMMIT,
	/** Such as `linux-x64-musl`; `npm`: a script; `source`: not built at all. */
	target: typeof BUILD_TARGET === "undefined" ? "source" : BUILD_TARGET,
} as const;

/** One line that says exactly which program this is. */
export function versionLine(version: string): string {
	return `mcp-process ${version} (commit ${build.commit}, ${build.target}, Bun ${Bun.version})`;
}
