//! Lengths, places and walls of the arena, in 1/256 of a pixel.

use std::ops::Add;

use crate::protocol::Heading;

/// One pixel.
const PX: i32 = 256;
/// The arena, from wall to wall.
pub(crate) const WIDTH: i32 = px(1024);
/// The arena, from wall to wall.
pub(crate) const HEIGHT: i32 = px(640);
/// Where the crown lies at the start of a round.
pub(super) const MIDDLE: Point = Point { x: WIDTH / 2, y: HEIGHT / 2 };
/// What one cannot walk through: middle and radius.
pub(crate) const PILLARS: [(Point, i32); 4] = [
    (Point { x: px(256), y: px(200) }, px(44)),
    (Point { x: px(768), y: px(440) }, px(44)),
    (Point { x: px(320), y: px(460) }, px(28)),
    (Point { x: px(704), y: px(180) }, px(28)),
];

/// A place, or the way from one to another.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Point {
    /// From the left wall.
    pub(crate) x: i32,
    /// From the upper wall.
    pub(crate) y: i32,
}

/// That many pixels.
pub(super) const fn px(pixels: i32) -> i32 {
    pixels * PX
}

/// Its square, which does not fit where it came from.
pub(super) const fn square(length: i32) -> i64 {
    // Widening: `i64::from` is not const.
    length as i64 * length as i64
}

/// Where a seat's player enters: evenly around the middle.
pub(super) fn start_of(seat: u8) -> Point {
    let (x, y) = Heading::new(seat.wrapping_mul(5)).unit();
    MIDDLE + Point { x: x * 400, y: y * 250 }
}

/// Half the way that `a` must go for `a` and `b` to be `apart`; none if they are. Two in one spot
/// part along `fallback`.
pub(super) fn push(a: Point, b: Point, apart: i32, fallback: Heading) -> Point {
    if a.square_to(b) >= square(apart) {
        // Nearly always; a root is dear when everybody is compared with everybody in every tick.
        return Point::default();
    }
    let distance = a.distance_to(b);
    let half = (apart - distance + 1) / 2;
    if distance == 0 {
        return Point::along(fallback, half);
    }
    scaled(Point { x: a.x - b.x, y: a.y - b.y }, half, distance)
}

/// `way` × `numerator` ÷ `denominator`, without overflow on the way.
fn scaled(way: Point, numerator: i32, denominator: i32) -> Point {
    let scale = |length: i32| {
        let scaled = i64::from(length) * i64::from(numerator) / i64::from(denominator.max(1));
        i32::try_from(scaled).unwrap_or(0)
    };
    Point { x: scale(way.x), y: scale(way.y) }
}

impl Point {
    /// A way of `length` in the direction of `heading`.
    pub(super) fn along(heading: Heading, length: i32) -> Self {
        let (x, y) = heading.unit();
        Self { x: x * length / 256, y: y * length / 256 }
    }

    /// The square of the distance to `other`.
    pub(super) const fn square_to(self, other: Self) -> i64 {
        square(self.x - other.x) + square(self.y - other.y)
    }

    /// The place nearest to this one where a body of `radius` can stand.
    pub(super) fn inside(self, radius: i32) -> Self {
        let mut at = self.within_walls(radius);
        for (middle, pillar) in PILLARS {
            let apart = pillar + radius;
            if at == middle || at.square_to(middle) >= square(apart) {
                continue;
            }
            let way = Self { x: at.x - middle.x, y: at.y - middle.y };
            at = middle + scaled(way, apart, at.distance_to(middle));
        }
        at.within_walls(radius)
    }

    /// As snapshots carry it.
    pub(super) fn to_sixteenths(self) -> (u16, u16) {
        let sixteenths = |length: i32| u16::try_from(length / (PX / 16)).unwrap_or(0);
        (sixteenths(self.x), sixteenths(self.y))
    }

    fn within_walls(self, radius: i32) -> Self {
        Self { x: self.x.clamp(radius, WIDTH - radius), y: self.y.clamp(radius, HEIGHT - radius) }
    }

    fn distance_to(self, other: Self) -> i32 {
        i32::try_from(self.square_to(other).isqrt()).unwrap_or(i32::MAX)
    }
}

impl Add for Point {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { x: self.x + other.x, y: self.y + other.y }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pushes_of_a_pair_are_opposite_and_part_it() {
        let (a, b) = (Point { x: 1000, y: 1000 }, Point { x: 1600, y: 1800 });
        let (there, back) = (push(a, b, 2000, Heading::new(0)), push(b, a, 2000, Heading::new(8)));
        assert_eq!((there.x, there.y), (-back.x, -back.y));
        let (a, b) = (a + there, b + back);
        assert!((1996..=2004).contains(&a.distance_to(b)), "{}", a.distance_to(b));
        assert_eq!(push(a, b, 1000, Heading::new(0)), Point::default());
    }

    #[test]
    fn two_in_one_spot_part() {
        let at = Point { x: 5000, y: 5000 };
        assert_ne!(push(at, at, 2000, Heading::new(3)), push(at, at, 2000, Heading::new(4)));
    }

    #[test]
    fn nobody_stands_in_a_wall_or_pillar() {
        for x in (-50..1100).step_by(7) {
            for y in (-50..700).step_by(7) {
                let at = Point { x: px(x), y: px(y) }.inside(px(14));
                assert!(at.x >= px(14) && at.x <= WIDTH - px(14));
                assert!(at.y >= px(14) && at.y <= HEIGHT - px(14));
                for (middle, radius) in PILLARS {
                    let distance = at.distance_to(middle);
                    assert!(distance == 0 || distance + 4 >= radius + px(14), "{x} {y}");
                }
            }
        }
    }

    #[test]
    fn seats_enter_apart_and_inside() {
        let starts: Vec<Point> = (0..16).map(start_of).collect();
        for (index, start) in starts.iter().enumerate() {
            assert_eq!(start.inside(px(14)), *start, "seat {index}");
            let others = starts.iter().skip(index + 1);
            assert!(others.into_iter().all(|other| start.distance_to(*other) > px(28)));
        }
    }
}
