import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

/** An authority, and a certificate that it has signed, for 127.0.0.1 and localhost: as PEM texts. */
export interface Certificates {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

const ECDSA_WITH_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
const COMMON_NAME = oid(0x55, 0x04, 0x03);
const BASIC_CONSTRAINTS = oid(0x55, 0x1d, 0x13);
const ALTERNATIVE_NAMES = oid(0x55, 0x1d, 0x11);
const TRUE = der(0x01, Buffer.from([0xff]));

/** New ones at every call. Written here, in DER, since Node reads certificates but makes none, and openssl may be missing. */
export function makeCertificates(): Certificates {
  const authority = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const server = generateKeyPairSync("ec", { namedCurve: "P-256" });
  // The name is part of what is checked: two authorities of one name would be told apart by their signatures only.
  const issuer = `test authority ${randomBytes(4).toString("hex")}`;
  const isAuthority = extension(BASIC_CONSTRAINTS, [TRUE], sequence(TRUE));
  const addresses = sequence(der(0x87, Buffer.from([127, 0, 0, 1])), der(0x82, Buffer.from("localhost")));
  const ca = certificate(issuer, authority.privateKey, issuer, authority.publicKey, isAuthority);
  const names = extension(ALTERNATIVE_NAMES, [], addresses);
  const cert = certificate(issuer, authority.privateKey, "test server", server.publicKey, names);
  return { ca, cert, key: String(server.privateKey.export({ type: "pkcs8", format: "pem" })) };
}

function certificate(
  issuer: string,
  signer: KeyObject,
  subject: string,
  key: KeyObject,
  extensions: Buffer,
): string {
  const content = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_WITH_SHA256,
    name(issuer),
    sequence(time(-1), time(10)),
    name(subject),
    key.export({ type: "spki", format: "der" }),
    der(0xa3, sequence(extensions)),
  );
  const signature = der(0x03, Buffer.concat([Buffer.from([0]), sign("sha256", content, signer)]));
  const lines = sequence(content, ECDSA_WITH_SHA256, signature).toString("base64").replace(/.{64}/g, "$&\n");
  return `-----BEGIN CERTIFICATE-----\n${lines.trimEnd()}\n-----END CERTIFICATE-----\n`;
}

function extension(id: Buffer, critical: readonly Buffer[], value: Buffer): Buffer {
  return sequence(id, ...critical, der(0x04, value));
}

function name(text: string): Buffer {
  return sequence(der(0x31, sequence(COMMON_NAME, der(0x0c, Buffer.from(text)))));
}

/** So many days from now, as YYMMDDhhmmssZ. */
function time(days: number): Buffer {
  const date = new Date(Date.now() + days * 86_400_000).toISOString();
  return der(0x17, Buffer.from(`${date.slice(2, 19).replace(/\D/g, "")}Z`));
}

function oid(...bytes: readonly number[]): Buffer {
  return der(0x06, Buffer.from(bytes));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), content]);
  return Buffer.concat([Buffer.from([tag, 0x82, length >> 8, length & 0xff]), content]);
}
