//! Places for labels that overlap neither each other nor the frame. Text is measured by estimate, since an SVG is drawn with the
//! fonts of whoever looks at it; the estimate is generous.

use crate::report::text;

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) left: i32,
    pub(super) top: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

impl Area {
    pub(super) fn overlaps(&self, other: &Area) -> bool {
        self.left < other.left + other.width
            && other.left < self.left + self.width
            && self.top < other.top + other.height
            && other.top < self.top + self.height
    }

    fn holds(&self, other: &Area) -> bool {
        self.left <= other.left
            && self.top <= other.top
            && other.left + other.width <= self.left + self.width
            && other.top + other.height <= self.top + self.height
    }
}

/// Width of a text in pixels, at a font size in pixels: a little more than most sans-serif fonts take.
pub(super) fn text_width(text: &str, size: i32) -> i32 {
    text::width(text) as i32 * size * 11 / 20 + size / 3
}

/// Places for labels of the given sizes near their points, in the order given. `None` where the frame has no free place left.
pub(super) fn around(points: &[(i32, i32)], sizes: &[(i32, i32)], frame: Area) -> Vec<Option<Area>> {
    let mut taken: Vec<_> = points.iter().map(|&(x, y)| centred((x, y), (DOT, DOT))).collect();
    let mut places = Vec::with_capacity(sizes.len());
    for (&point, &size) in points.iter().zip(sizes) {
        let place =
            candidates(point, size).find(|area| frame.holds(area) && !taken.iter().any(|other| other.overlaps(area)));
        taken.extend(place);
        places.push(place);
    }
    places
}

/// Space that a point keeps free around itself.
const DOT: i32 = 14;
const DIRECTIONS: u32 = 16;
const RINGS: i32 = 60;
const RING: i32 = 8;

/// Places around a point: right, left, above, below and between, then the same farther away.
fn candidates(point: (i32, i32), size: (i32, i32)) -> impl Iterator<Item = Area> {
    (1..=RINGS).flat_map(move |ring| (0..DIRECTIONS).map(move |direction| beside(point, size, ring * RING, direction)))
}

fn beside((x, y): (i32, i32), (width, height): (i32, i32), distance: i32, direction: u32) -> Area {
    // Bit-reversed order: opposite directions come one after the other.
    let turn = f64::from(direction.reverse_bits() >> 28) / f64::from(DIRECTIONS) * std::f64::consts::TAU;
    let reach = |angle: f64, half: i32| (angle * f64::from(half + distance)).round() as i32;
    centred((x + reach(turn.cos(), width / 2), y - reach(turn.sin(), height / 2)), (width, height))
}

fn centred((x, y): (i32, i32), (width, height): (i32, i32)) -> Area {
    Area { left: x - width / 2, top: y - height / 2, width, height }
}

/// Puts labels that belong at `wanted` heights in one column, each at least `gap` below the one before, inside `low..=high`. Where
/// there is no room for all, the gap shrinks.
pub(super) fn stacked(wanted: &[i32], gap: i32, low: i32, high: i32) -> Vec<i32> {
    let mut order: Vec<_> = (0..wanted.len()).collect();
    order.sort_by_key(|&index| wanted[index]);
    let gap = gap.min((high - low) / (wanted.len().max(2) as i32 - 1));
    let mut placed = vec![0; wanted.len()];
    let mut next = low;
    for (rank, &index) in order.iter().enumerate() {
        let last = high - gap * (wanted.len() - 1 - rank) as i32;
        placed[index] = wanted[index].clamp(next.min(last), last);
        next = placed[index] + gap;
    }
    placed
}

/// Puts labels that begin at `lefts`, with widths, into as few of `lanes` lanes as need be; `None` where all lanes are taken there.
pub(super) fn lanes(lefts: &[(i32, i32)], lanes: usize) -> Vec<Option<usize>> {
    let mut ends = vec![i32::MIN; lanes];
    lefts
        .iter()
        .map(|&(left, width)| {
            let lane = ends.iter().position(|end| *end <= left)?;
            ends[lane] = left + width;
            Some(lane)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAME: Area = Area { left: 80, top: 40, width: 700, height: 450 };

    fn disjoint(areas: &[Area]) -> bool {
        areas.iter().enumerate().all(|(at, one)| areas[at + 1..].iter().all(|other| !one.overlaps(other)))
    }

    #[test]
    fn labels_of_one_spot_do_not_overlap_nor_leave_the_frame() {
        for spot in [(80, 40), (400, 200), (780, 490), (90, 300)] {
            let places = around(&[spot; 12], &[(180, 18); 12], FRAME);
            let areas: Vec<_> = places.into_iter().map(|place| place.expect("there is room for twelve")).collect();
            assert!(disjoint(&areas) && areas.iter().all(|area| FRAME.holds(area)), "{areas:?}");
        }
    }

    #[test]
    fn a_label_that_finds_no_place_is_left_out() {
        assert_eq!(around(&[(100, 100)], &[(900, 18)], FRAME), [None]);
    }

    #[test]
    fn stacked_labels_keep_their_order_and_their_distance() {
        assert_eq!(stacked(&[100, 101, 300, 99], 15, 0, 400), [114, 129, 300, 99]);
        assert_eq!(stacked(&[395, 398], 15, 0, 400), [385, 400]);
        let crowded = stacked(&[50; 100], 15, 0, 400);
        assert!(crowded.iter().all(|y| (0..=400).contains(y)), "{crowded:?}");
        assert!(stacked(&[], 15, 0, 400).is_empty());
    }

    #[test]
    fn crowded_labels_take_several_lanes_and_then_give_up() {
        assert_eq!(lanes(&[(0, 50), (10, 50), (20, 50), (60, 50)], 2), [Some(0), Some(1), None, Some(0)]);
    }
}
