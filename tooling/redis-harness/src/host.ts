export { installWithApt } from "./apt-install.ts";
export { isExecutable, searchPath } from "./executables.ts";
export { findFreePort } from "./free-port.ts";
export { canInstallWithApt, type InstallCommands, installCommand } from "./host-system.ts";
export { run } from "./run.ts";
export { guard, release } from "./watchdog.ts";
