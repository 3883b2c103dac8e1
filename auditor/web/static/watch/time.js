// Moments: seconds into a recording.

export function clock(seconds, parts = 0) {
  const whole = Math.max(0, Math.floor(seconds + 1e-9));
  const hours = Math.floor(whole / 3600);
  const text = `${hours}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}`;
  return parts ? text + (seconds - whole).toFixed(parts).slice(1) : text;
}

function two(number) {
  return String(number).padStart(2, "0");
}

// "90", "1:30", "2::" as the terminal player takes them: parts may be missing.
export function typedMoment(text) {
  const parts = text.split(":");
  if (parts.length > 3 || !/^[0-9:.]*$/.test(text)) return null;
  return parts.reduce((sum, part) => sum * 60 + (Number(part) || 0), 0);
}

// Short enough for an address, exact to the millisecond.
export function short(seconds) {
  return String(Math.round(seconds * 1000) / 1000);
}
