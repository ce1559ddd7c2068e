import type { Platform } from "./platform.ts";

/** The platform that this process runs on; the others' code is not loaded. */
export async function currentPlatform(): Promise<Platform> {
	if (process.platform === "linux") {
		const { createLinux } = await import("./linux.ts");
		return createLinux();
	}
	const { createPortable } = await import("./portable.ts");
	return createPortable();
}
