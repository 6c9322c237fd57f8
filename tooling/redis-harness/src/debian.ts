export { installWithApt } from "./apt-install.ts";
export { isDebianLike } from "./host-system.ts";
