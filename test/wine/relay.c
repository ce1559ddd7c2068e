/*
 * Starts a program with pipes of Windows' own for its standard streams, as a
 * client for Windows does, and copies between them and this process's streams:
 * the runtime can't read the pipes of Linux, which wine passes on.
 */
#include <windows.h>
#include <stdio.h>
#include <string.h>

struct copy {
	HANDLE from, to;
};

static DWORD WINAPI run(void *argument)
{
	struct copy *copy = argument;
	char buffer[65536];
	DWORD count, written;
	while (ReadFile(copy->from, buffer, sizeof buffer, &count, NULL) && count > 0)
		if (!WriteFile(copy->to, buffer, count, &written, NULL))
			break;
	CloseHandle(copy->to);
	return 0;
}

int main(void)
{
	SECURITY_ATTRIBUTES inherit = {sizeof inherit, NULL, TRUE};
	HANDLE read[3], write[3], thread[3];
	for (int index = 0; index < 3; index++) {
		CreatePipe(&read[index], &write[index], &inherit, 0);
		SetHandleInformation(index ? read[index] : write[index], HANDLE_FLAG_INHERIT, 0);
	}
	STARTUPINFOW info = {.cb = sizeof info, .dwFlags = STARTF_USESTDHANDLES};
	info.hStdInput = read[0];
	info.hStdOutput = write[1];
	info.hStdError = write[2];
	PROCESS_INFORMATION made;
	/* The command line after this program's own name. */
	WCHAR *command = GetCommandLineW();
	command = *command == '"' ? wcschr(command + 1, '"') + 1 : wcschr(command, ' ');
	while (*command == ' ')
		command++;
	/* In a group of its own it ignores Ctrl+C. */
	DWORD flags = GetEnvironmentVariableA("RELAY_GROUP", NULL, 0) ? CREATE_NEW_PROCESS_GROUP : 0;
	BOOL started = FALSE;
	for (int attempt = 0; !started && attempt < 5; attempt++) {
		started = CreateProcessW(NULL, command, NULL, NULL, TRUE, flags, NULL, NULL, &info, &made);
		/* On a busy machine wine itself fails now and then. */
		if (!started && GetLastError() != ERROR_INTERNAL_ERROR)
			break;
		if (!started && attempt < 4)
			Sleep(200);
	}
	if (!started) {
		fprintf(stderr, "error %lu\n", GetLastError());
		return 1;
	}
	CloseHandle(read[0]);
	CloseHandle(write[1]);
	CloseHandle(write[2]);
	struct copy copies[3] = {
		{GetStdHandle(STD_INPUT_HANDLE), write[0]},
		{read[1], GetStdHandle(STD_OUTPUT_HANDLE)},
		{read[2], GetStdHandle(STD_ERROR_HANDLE)},
	};
	for (int index = 0; index < 3; index++)
		thread[index] = CreateThread(NULL, 0, run, &copies[index], 0, NULL);
	WaitForSingleObject(made.hProcess, INFINITE);
	WaitForMultipleObjects(2, thread + 1, TRUE, 100);
	DWORD code;
	GetExitCodeProcess(made.hProcess, &code);
	ExitProcess(code);
}
