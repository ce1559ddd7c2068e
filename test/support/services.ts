import { eventually, type Success, type TestServer } from "./server.ts";

/** A service as process_list shows it. */
export async function viewOf(
	server: TestServer,
	name: string,
): Promise<Success> {
	const { services } = await server.ok("process_list");
	return services.find(
		({ serviceId }: { serviceId: string }) => serviceId === name,
	);
}

/** Waits until a service is as it should be. */
export function until(
	server: TestServer,
	name: string,
	test: (view: Success) => boolean,
): Promise<Success> {
	return eventually(async () => {
		const view = await viewOf(server, name);
		return test(view) ? view : undefined;
	}, `service ${name} to be as it should`);
}
