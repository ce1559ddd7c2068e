import type { Platform } from "./platform.ts";

/** The platform that this process runs on; the others' code is not loaded. */
export async function currentPlatform(): Promise<Platform> {
	if (process.platform === "linux") {
		const { createLinux } = await import("./linux.ts");
		return createLinux();
	}
	if (process.platform === "darwin") {
		const { createDarwin } = await import("./darwin.ts");
		const darwin = createDarwin();
		if (darwin) return darwin;
	}
	if (process.platform === "win32") {
		const { createWindows } = await import("./windows.ts");
		return createWindows();
	}
	const { createPortable } = await import("./portable.ts");
	return createPortable();
}
