//! The order in which the reference's unstable sort leaves equal elements (spec `sdl.md` 25).
//!
//! Needed because equal exposes keep an order that reaches the manifest's hash. Up to twelve elements this
//! is an insertion sort; above that a pattern-defeating quicksort with fixed choices, so it can be repeated.

/// Sorts as the reference does, `less` being its comparison.
pub(crate) fn sort<T>(list: &mut [T], less: impl Fn(&T, &T) -> bool) {
    let length = list.len();
    Sorter { list, less: &less }.sort(0, length, bit_length(length));
}

fn bit_length(value: usize) -> u32 {
    usize::BITS - value.leading_zeros()
}

struct Sorter<'l, T, F> {
    list: &'l mut [T],
    less: &'l F,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hint {
    Unknown,
    Increasing,
    Decreasing,
}

impl<T, F: Fn(&T, &T) -> bool> Sorter<'_, T, F> {
    fn less(&self, a: usize, b: usize) -> bool {
        (self.less)(&self.list[a], &self.list[b])
    }

    /// Sorts the half-open range from `a` to `b`.
    fn sort(&mut self, mut a: usize, mut b: usize, mut limit: u32) {
        let mut is_balanced = true;
        let mut is_partitioned = true;
        loop {
            let length = b - a;
            if length <= 12 {
                return self.insertion_sort(a, b);
            }
            if limit == 0 {
                return self.heap_sort(a, b);
            }
            if !is_balanced {
                self.scatter(a, b);
                limit -= 1;
            }
            let (mut pivot, mut hint) = self.choose_pivot(a, b);
            if hint == Hint::Decreasing {
                self.list[a..b].reverse();
                pivot = (b - 1) - (pivot - a);
                hint = Hint::Increasing;
            }
            if is_balanced
                && is_partitioned
                && hint == Hint::Increasing
                && self.partial_insertion_sort(a, b)
            {
                return;
            }
            if a > 0 && !self.less(a - 1, pivot) {
                a = self.partition_equal(a, b, pivot);
                continue;
            }
            let (middle, already) = self.partition(a, b, pivot);
            is_partitioned = already;
            let (left, right) = (middle - a, b - middle);
            if left < right {
                is_balanced = left >= length / 8;
                self.sort(a, middle, limit);
                a = middle + 1;
            } else {
                is_balanced = right >= length / 8;
                self.sort(middle + 1, b, limit);
                b = middle;
            }
        }
    }

    fn insertion_sort(&mut self, a: usize, b: usize) {
        for end in a + 1..b {
            let mut at = end;
            while at > a && self.less(at, at - 1) {
                self.list.swap(at, at - 1);
                at -= 1;
            }
        }
    }

    fn heap_sort(&mut self, a: usize, b: usize) {
        let length = b - a;
        for root in (0..=(length - 1) / 2).rev() {
            self.sift_down(root, length, a);
        }
        for end in (0..length).rev() {
            self.list.swap(a, a + end);
            self.sift_down(0, end, a);
        }
    }

    fn sift_down(&mut self, mut root: usize, end: usize, first: usize) {
        loop {
            let mut child = 2 * root + 1;
            if child >= end {
                return;
            }
            if child + 1 < end && self.less(first + child, first + child + 1) {
                child += 1;
            }
            if !self.less(first + root, first + child) {
                return;
            }
            self.list.swap(first + root, first + child);
            root = child;
        }
    }

    /// Moves three elements elsewhere, to break up patterns that make bad pivots.
    fn scatter(&mut self, a: usize, b: usize) {
        let length = b - a;
        let mask = (1_u64 << bit_length(length)) - 1;
        let mut random = u64::try_from(length).unwrap_or_default();
        let first = a + (length / 4) * 2 - 1;
        for at in first..first + 3 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let mut other = usize::try_from(random & mask).unwrap_or_default();
            if other >= length {
                other -= length;
            }
            self.list.swap(at, a + other);
        }
    }

    fn choose_pivot(&self, a: usize, b: usize) -> (usize, Hint) {
        let length = b - a;
        let quarter = length / 4;
        let mut swaps = 0;
        let [mut i, mut j, mut k] = [a + quarter, a + quarter * 2, a + quarter * 3];
        if length >= 50 {
            i = self.median(i - 1, i, i + 1, &mut swaps);
            j = self.median(j - 1, j, j + 1, &mut swaps);
            k = self.median(k - 1, k, k + 1, &mut swaps);
        }
        let pivot = self.median(i, j, k, &mut swaps);
        let hint = match swaps {
            0 => Hint::Increasing,
            12 => Hint::Decreasing,
            _ => Hint::Unknown,
        };
        (pivot, hint)
    }

    fn median(&self, mut x: usize, mut y: usize, mut z: usize, swaps: &mut usize) -> usize {
        let mut order = |first: &mut usize, second: &mut usize| {
            if self.less(*second, *first) {
                *swaps += 1;
                std::mem::swap(first, second);
            }
        };
        order(&mut x, &mut y);
        order(&mut y, &mut z);
        order(&mut x, &mut y);
        y
    }

    /// Repairs a range that is almost sorted. Returns whether it is sorted now.
    fn partial_insertion_sort(&mut self, a: usize, b: usize) -> bool {
        let mut i = a + 1;
        for _ in 0..5 {
            while i < b && !self.less(i, i - 1) {
                i += 1;
            }
            if i == b {
                return true;
            }
            if b - a < 50 {
                return false;
            }
            self.list.swap(i, i - 1);
            if i - a >= 2 {
                let mut at = i - 1;
                while at >= 1 && self.less(at, at - 1) {
                    self.list.swap(at, at - 1);
                    at -= 1;
                }
            }
            if b - i >= 2 {
                let mut at = i + 1;
                while at < b && self.less(at, at - 1) {
                    self.list.swap(at, at - 1);
                    at += 1;
                }
            }
        }
        false
    }

    /// Moves what equals the pivot to the front. Returns where the rest begins.
    fn partition_equal(&mut self, a: usize, b: usize, pivot: usize) -> usize {
        self.list.swap(a, pivot);
        let (mut i, mut j) = (a + 1, b - 1);
        loop {
            while i <= j && !self.less(a, i) {
                i += 1;
            }
            while i <= j && self.less(a, j) {
                j -= 1;
            }
            if i > j {
                return i;
            }
            self.list.swap(i, j);
            i += 1;
            j -= 1;
        }
    }

    /// Splits at the pivot. Returns where it stands then, and whether nothing had to move.
    fn partition(&mut self, a: usize, b: usize, pivot: usize) -> (usize, bool) {
        self.list.swap(a, pivot);
        let (mut i, mut j) = (a + 1, b - 1);
        let mut already = true;
        loop {
            while i <= j && self.less(i, a) {
                i += 1;
            }
            while i <= j && !self.less(j, a) {
                j -= 1;
            }
            if i > j {
                self.list.swap(j, a);
                return (j, already);
            }
            already = false;
            self.list.swap(i, j);
            i += 1;
            j -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(keys: &[u32]) -> Vec<(u32, usize)> {
        let mut list: Vec<(u32, usize)> = keys.iter().copied().zip(0..).collect();
        sort(&mut list, |a, b| a.0 < b.0);
        assert!(list.is_sorted_by_key(|it| it.0));
        list
    }

    #[test]
    fn twelve_equal_elements_keep_their_order() {
        let list = check(&[7; 12]);
        assert!(list.iter().map(|it| it.1).eq(0..12));
    }

    /// Keys of a linear congruential generator, ten different ones.
    fn keys(length: usize) -> Vec<u32> {
        let mut state = 12345_u32;
        let mut next = || {
            state = state.wrapping_mul(1_103_515_245).wrapping_add(12345);
            (state >> 16) % 10
        };
        (0..length).map(|_| next()).collect()
    }

    /// The numbers are FNV-1a over the old places of the sorted elements, from Go's `sort.Slice`.
    #[test]
    fn equal_elements_end_where_the_reference_leaves_them() {
        for (length, want) in [
            (13, 0x49888aa0f2b14bfb),
            (20, 0x464d76f0dd58a303),
            (49, 0xeaac62e07c1e05b1),
            (50, 0x9b3114377b4a1286),
            (51, 0x254eca8cf51a07f6),
            (64, 0xb7b266c9c13c953b),
            (100, 0xfd0e9f5d021cf239),
            (300, 0x5eccee6588f0f18d),
            (1000, 0xead0e50ed5a09101),
        ] {
            let places = check(&keys(length)).into_iter().map(|it| it.1 as u64);
            let digest = places.fold(0xcbf2_9ce4_8422_2325_u64, |hash, place| {
                (hash ^ place).wrapping_mul(0x0100_0000_01b3)
            });
            assert_eq!(digest, want, "{length}");
        }
    }

    #[test]
    fn long_lists_come_out_sorted() {
        for length in [0, 1, 13, 49, 50, 51, 200, 1000] {
            check(&keys(length));
            let up: Vec<u32> = (0..1000).take(length).collect();
            check(&up);
            let down: Vec<u32> = up.into_iter().rev().collect();
            check(&down);
        }
    }
}
