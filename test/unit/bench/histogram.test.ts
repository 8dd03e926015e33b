import { Histogram } from '../../../bench/load/histogram';

/** Latencies of the benchmark: what the percentiles of its tables rest on. */

function filled(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of values) histogram.recordMs(value);
  return histogram;
}

describe('the histogram', () => {
  test('knows nothing at first', () => {
    const histogram = new Histogram();
    expect(histogram.count).toBe(0);
    expect(histogram.quantileMs(0.5)).toBe(0);
  });

  test('is exact below 128 µs', () => {
    const histogram = filled([0.001, 0.05, 0.127]);
    expect(histogram.quantileMs(0)).toBe(0.001);
    expect(histogram.quantileMs(0.5)).toBe(0.05);
    expect(histogram.quantileMs(1)).toBe(0.127);
  });

  test.each([0.128, 0.255, 0.256, 1, 3.3, 17, 250, 9_999, 1_000_000])('knows %d ms to 1 part in 128', (value) => {
    const found = filled([value]).quantileMs(0.5);
    expect(Math.abs(found - value)).toBeLessThanOrEqual(value / 128);
  });

  test('finds percentiles among many', () => {
    const histogram = filled(Array.from({ length: 1_000 }, (_, index) => index + 1));
    expect(histogram.count).toBe(1_000);
    expect(Math.abs(histogram.quantileMs(0.5) - 500)).toBeLessThan(5);
    expect(Math.abs(histogram.quantileMs(0.99) - 990)).toBeLessThan(8);
  });

  test('keeps what is out of range at its ends', () => {
    const histogram = filled([-5, 1e12]);
    expect(histogram.quantileMs(0)).toBe(0);
    expect(histogram.quantileMs(1)).toBeGreaterThan(2_000_000);
  });
});
