/** Addresses as Node's modules know them. */

export * from "../api/address.js";
