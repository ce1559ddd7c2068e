import { rm } from "node:fs/promises";

/** What just-in-time compilation needs under the hardened runtime that a real identity asks for. */
const ENTITLEMENTS = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>com.apple.security.cs.allow-jit</key><true/>
	<key>com.apple.security.cs.allow-unsigned-executable-memory</key><true/>
	<key>com.apple.security.cs.disable-executable-page-protection</key><true/>
	<key>com.apple.security.cs.allow-dyld-environment-variables</key><true/>
	<key>com.apple.security.cs.disable-library-validation</key><true/>
</dict>
</plist>
`;

/**
 * Signs a program for macOS where the tools for it are: with the identity that
 * MACOS_SIGNING_IDENTITY names, or else ad hoc, without which Apple's processors
 * start nothing.
 */
export async function sign(path: string): Promise<void> {
	const codesign = Bun.which("codesign");
	if (codesign === null) return;
	const identity = process.env.MACOS_SIGNING_IDENTITY;
	const entitlements = `${path}.entitlements`;
	await Bun.write(entitlements, ENTITLEMENTS);
	const real = identity
		? ["--options", "runtime", "--timestamp", "--entitlements", entitlements]
		: [];
	try {
		for (const args of [
			["--force", "--sign", identity || "-", ...real, path],
			["--verify", "--strict", path],
		]) {
			const { success, stderr } = Bun.spawnSync([codesign, ...args]);
			if (!success) throw new Error(`codesign: ${stderr.toString().trim()}`);
		}
	} finally {
		await rm(entitlements, { force: true });
	}
}
