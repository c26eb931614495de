// SPDX-License-Identifier: Apache-2.0
// Pages that are loaded when somebody goes there.
export { Acme } from "./acme";
export { Agents } from "./agents";
export { Alerts } from "./alerts";
export { Approvals } from "./approvals";
export { Audit } from "./audit";
export { Ca } from "./ca";
export { Inventory } from "./inventory";
export { Operators } from "./operators";
export { Reports } from "./reports";
export { Policy, Settings } from "./settings";
export { Sites } from "./sites";
export { Trust } from "./trust";
