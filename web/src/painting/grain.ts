/** The map of noise that strokes begin from, moved as numpy.roll(map, (-down, -across)) does: a tile's own part first. */
export function rolled(grain: Float32Array, side: number, down: number, across: number): Float32Array {
  const result = new Float32Array(grain.length);
  const split = across % side;
  for (let row = 0; row < side; row++) {
    const from = ((row + down) % side) * side;
    result.set(grain.subarray(from + split, from + side), row * side);
    result.set(grain.subarray(from, from + split), row * side + side - split);
  }
  return result;
}
