export { installWithApt } from "./apt-install.ts";
export { isExecutable, searchPath } from "./executables.ts";
export { canListen, findFreePort } from "./free-port.ts";
export { canInstallWithApt, type InstallCommands, installCommand } from "./host-system.ts";
export { type ReadinessTarget, whyNotReady } from "./readiness.ts";
export { run } from "./run.ts";
export { guard, release } from "./watchdog.ts";
