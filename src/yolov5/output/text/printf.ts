/** C's number formats, as used by Python's `%`. JavaScript rounds exact decimal ties away from zero, C to even. */

/** `%g`: six significant digits, no trailing zeros, an exponent below 1e-4 and from 1e6. */
export function formatG(value: number): string {
  return formatSignificant(value, 6);
}

/** `%.{precision}g`: `formatG` with another number of significant digits. */
export function formatSignificant(value: number, precision: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const sign = value < 0 ? "-" : "";
  let [digits, exponent] = significant(Math.abs(value), precision);
  digits = digits.replace(/0+$/, "");
  if (exponent < -4 || exponent >= precision) {
    const mantissa = digits.length > 1 ? `${digits[0]}.${digits.slice(1)}` : digits;
    return `${sign}${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  const fraction = digits.slice(exponent + 1);
  return `${sign}${whole}${fraction ? `.${fraction}` : ""}`;
}

/** `%.{decimals}f` of a number below 1e21. */
export function formatF(value: number, decimals: number): string {
  // Enough decimals to show every float32 and short double exactly: what follows the cut is then exactly half or not.
  const exact = Math.abs(value).toFixed(100);
  const cut = exact.length - 100 + decimals;
  const rest = exact.slice(cut);
  const kept = decimals === 0 ? exact.slice(0, cut - 1) : exact.slice(0, cut);
  const up = /^50*$/.test(rest) ? Number(kept.at(-1)) % 2 === 1 : rest[0] >= "5";
  const text = up ? Math.abs(value).toFixed(decimals) : kept;
  return value < 0 || Object.is(value, -0) ? `-${text}` : text;
}

/** Decimal digits rounded half to even, and the exponent of the first one. */
function significant(value: number, count: number): [digits: string, exponent: number] {
  // 101 digits hold the exact value of any double near 1; ties are recognised on it.
  const [mantissa, exponentText] = value.toExponential(100).split("e");
  const exact = mantissa.replace(".", "");
  const exponent = Number(exponentText);
  const kept = exact.slice(0, count);
  const rest = exact.slice(count);
  const up = /^50*$/.test(rest) ? Number(kept.at(-1)) % 2 === 1 : rest[0] >= "5";
  if (!up) return [kept, exponent];
  const raised = String(Number(kept) + 1);
  return raised.length > count ? [raised.slice(0, count), exponent + 1] : [raised.padStart(count, "0"), exponent];
}
