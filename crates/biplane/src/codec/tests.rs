//! Round trips through postcard's own encoder, and every way to be refused.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Debug,
};

use biplane_wire::limits;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{EncodeError, Malformed, decode, encode_to};

fn encode<T: Serialize + ?Sized>(value: &T, limit: usize) -> Result<Vec<u8>, EncodeError> {
    encode_to(value, limit, <[u8]>::to_vec)
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
enum Shape {
    Nothing,
    Just(i32),
    Pair(u8, String),
    Named { wide: u128, narrow: i128, letter: char },
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Everything {
    unit: (),
    yes: bool,
    bytes: (u8, i8),
    shorts: (u16, i16),
    longs: (u64, i64),
    floats: (f32, f64),
    text: String,
    maybe: Option<Box<Self>>,
    shapes: Vec<Shape>,
    map: BTreeMap<String, Vec<u16>>,
    array: [u32; 3],
    wrapped: Wrapped,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Wrapped(Vec<u8>);

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Nested(Option<Box<Self>>);

#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Tree(Vec<Self>);

fn everything() -> Everything {
    let inner = Everything {
        unit: (),
        yes: true,
        bytes: (255, -128),
        shorts: (u16::MAX, i16::MIN),
        longs: (u64::MAX, i64::MIN),
        floats: (-0.5, f64::MAX),
        text: "grüß dich".into(),
        maybe: None,
        shapes: vec![
            Shape::Nothing,
            Shape::Just(-1),
            Shape::Pair(1, "two".into()),
            Shape::Named { wide: u128::MAX, narrow: i128::MIN, letter: '…' },
        ],
        map: BTreeMap::from([("a".into(), vec![1, 300]), ("b".into(), vec![])]),
        array: [0, 127, 128],
        wrapped: Wrapped(vec![0; 5]),
    };
    Everything { maybe: Some(Box::new(inner.clone())), ..inner }
}

fn comes_back<T: Serialize + DeserializeOwned + Debug + PartialEq>(value: &T) {
    let bytes = encode(value, usize::MAX).unwrap();
    assert_eq!(decode::<T>(&bytes).as_ref(), Ok(value));
}

#[test]
fn whatever_postcard_writes_comes_back() {
    comes_back(&everything());
    comes_back(&HashMap::from([(1_u8, "one".to_owned()), (2, "two".to_owned())]));
    comes_back(&BTreeSet::from([-3_i64, 0, 3]));
    for number in [0_u32, 1, 127, 128, 16_383, 16_384, u32::MAX] {
        comes_back(&number);
        comes_back(&(i64::from(number) - 70_000));
    }
}

#[test]
fn golden_bytes() {
    let bytes = encode(&(300_u16, -1_i32, "hi", Some(true), 1.0_f32), 100).unwrap();
    assert_eq!(&bytes[..], b"\xac\x02\x01\x02hi\x01\x01\x00\x00\x80\x3f");
}

#[test]
fn every_truncation_and_every_extension_is_refused() {
    let bytes = encode(&everything(), usize::MAX).unwrap();
    for len in 0..bytes.len() {
        assert!(decode::<Everything>(&bytes[..len]).is_err(), "{len} bytes");
    }
    let longer = [&bytes[..], b"\0\0"].concat();
    assert_eq!(decode::<Everything>(&longer), Err(Malformed::Trailing(2)));
}

#[test]
fn arbitrary_bytes_never_panic() {
    // A fixed sequence, so that a failure can be seen again.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::new();
    for len in 0..3_000 {
        bytes.clear();
        for _ in 0..len % 97 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            bytes.push(state.to_be_bytes()[0]);
        }
        drop(decode::<Everything>(&bytes));
        drop(decode::<Vec<Shape>>(&bytes));
        drop(decode::<BTreeMap<String, Shape>>(&bytes));
    }
}

#[test]
fn one_flipped_byte_never_panics() {
    let bytes = encode(&everything(), usize::MAX).unwrap().to_vec();
    for place in 0..bytes.len() {
        for flip in [1, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[place] ^= flip;
            drop(decode::<Everything>(&bytes));
        }
    }
}

#[test]
fn numbers_in_another_than_their_shortest_form_are_refused() {
    assert_eq!(decode::<u32>(b"\x80\x01"), Ok(128));
    assert_eq!(decode::<u32>(b"\x81\x00"), Err(Malformed::Number));
    assert_eq!(decode::<u32>(b"\x80\x80\x00"), Err(Malformed::Number));
    assert_eq!(decode::<u128>(b"\x81\x00"), Err(Malformed::Number));
    assert_eq!(decode::<Vec<u8>>(b"\x80\x00"), Err(Malformed::Number));
}

#[test]
fn numbers_too_large_for_their_type_are_refused() {
    assert_eq!(decode::<u16>(b"\xff\xff\x03"), Ok(u16::MAX));
    assert_eq!(decode::<u16>(b"\x80\x80\x04"), Err(Malformed::Number));
    let largest = [&[0xff; 9][..], b"\x01"].concat();
    assert_eq!(decode::<u64>(&largest), Ok(u64::MAX));
    let larger = [&[0xff; 9][..], b"\x02"].concat();
    assert_eq!(decode::<u64>(&larger), Err(Malformed::Number));
    let largest = [&[0xff; 18][..], b"\x03"].concat();
    assert_eq!(decode::<u128>(&largest), Ok(u128::MAX));
    let larger = [&[0xff; 18][..], b"\x04"].concat();
    assert_eq!(decode::<u128>(&larger), Err(Malformed::Number));
    assert_eq!(decode::<u64>(&[0xff; 100]), Err(Malformed::Number));
    assert_eq!(decode::<u128>(&[0xff; 100]), Err(Malformed::Number));
}

#[test]
fn what_is_no_bool_option_char_text_or_variant_is_refused() {
    assert_eq!(decode::<bool>(b"\x02"), Err(Malformed::Bool));
    assert_eq!(decode::<Option<u8>>(b"\x02\x00"), Err(Malformed::Option));
    assert_eq!(decode::<char>(b"\x00"), Err(Malformed::Char));
    assert_eq!(decode::<char>(b"\x02ab"), Err(Malformed::Char));
    assert_eq!(decode::<String>(b"\x02\xc3\x28"), Err(Malformed::Text));
    assert_eq!(decode::<Shape>(b"\x04"), Err(Malformed::Refused));
    assert_eq!(decode::<Shape>(b"\xff\xff\xff\xff\x0f"), Err(Malformed::Refused));
}

#[test]
fn a_length_beyond_what_is_left_is_refused() {
    assert_eq!(decode::<String>(b"\x03hi"), Err(Malformed::Short));
    assert_eq!(decode::<Vec<u64>>(b"\x03\x01\x01"), Err(Malformed::TooMany));
    let four_billion = b"\x80\x80\x80\x80\x10\x00\x00";
    assert_eq!(decode::<Vec<u64>>(four_billion), Err(Malformed::TooMany));
    assert_eq!(decode::<Vec<()>>(four_billion), Err(Malformed::TooMany));
    assert_eq!(decode::<HashMap<u8, u8>>(four_billion), Err(Malformed::TooMany));
    assert_eq!(decode::<String>(four_billion), Err(Malformed::Short));
}

#[test]
fn elements_without_bytes_cost_one_each_over_the_whole_message() {
    let pairs = |bytes: &[u8]| decode::<(Vec<()>, [u8; 4])>(bytes).map(|(units, _)| units.len());
    assert_eq!(pairs(b"\x04abcd"), Ok(4));
    assert_eq!(pairs(b"\x05abcd"), Err(Malformed::TooMany));
    // 40 sequences that each claim what is left: without a common account, 40 × 40 elements.
    let greedy: Vec<u8> = (0..41).rev().collect();
    assert_eq!(decode::<Vec<Vec<()>>>(&greedy), Err(Malformed::TooMany));
}

#[test]
fn values_may_nest_as_deep_as_the_limit_and_no_deeper() {
    // Each level is a newtype and an option.
    let chain = |levels: usize| [vec![1; levels], vec![0]].concat();
    assert!(decode::<Nested>(&chain(limits::DECODE_DEPTH / 2 - 1)).is_ok());
    assert_eq!(decode::<Nested>(&chain(limits::DECODE_DEPTH / 2)), Err(Malformed::TooDeep));
    assert_eq!(decode::<Nested>(&chain(100_000)), Err(Malformed::TooDeep));
    assert_eq!(decode::<Tree>(&[1; 100_000]), Err(Malformed::TooDeep));
}

#[test]
fn depth_is_not_used_up_by_values_beside_each_other() {
    comes_back(&vec![Some(Wrapped(vec![1])); 500]);
}

#[test]
fn a_type_that_needs_a_format_that_describes_itself_is_refused() {
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(untagged)]
    enum Either {
        Number(u8),
    }
    assert_eq!(decode::<Either>(b"\x01"), Err(Malformed::Undescribed));
}

#[test]
fn encoding_stops_at_the_limit() {
    assert_eq!(encode("12345", 6).unwrap().len(), 6);
    assert_eq!(encode("123456", 6), Err(EncodeError::TooLong));
    assert_eq!(encode(&vec![0_u8; 1 << 20], 100), Err(EncodeError::TooLong));
    assert_eq!(encode(&(), 0).unwrap().len(), 0);
}

#[test]
fn a_value_that_refuses_is_unencodable() {
    struct Refuses;
    impl Serialize for Refuses {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no"))
        }
    }
    assert_eq!(encode(&Refuses, 100), Err(EncodeError::Unencodable));
}

#[test]
fn a_value_may_encode_another_while_it_is_encoded() {
    struct Outer;
    impl Serialize for Outer {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            assert_eq!(&encode("inner", 100).unwrap()[..], b"\x05inner");
            serializer.serialize_str("outer")
        }
    }
    assert_eq!(&encode(&Outer, 100).unwrap()[..], b"\x05outer");
}

#[test]
fn what_would_not_be_decoded_for_its_elements_is_not_encoded() {
    let units = |count: usize| encode(&(vec![(); count], [7_u8; 4]), 100);
    assert_eq!(units(4).unwrap().len(), 5);
    assert_eq!(units(5), Err(EncodeError::Unencodable));
    assert_eq!(encode(&vec![()], 100), Err(EncodeError::Unencodable));
    assert_eq!(encode(&vec![(); usize::MAX], 100), Err(EncodeError::Unencodable));
    assert_eq!(encode(&HashMap::from([((), ())]), 100), Err(EncodeError::Unencodable));
    // Each sequence finds its bytes, and all of them together do not.
    let greedy: Vec<Vec<()>> = (0..40).rev().map(|count| vec![(); count]).collect();
    assert_eq!(encode(&greedy, 100), Err(EncodeError::Unencodable));
    comes_back(&Vec::<()>::new());
    comes_back(&vec![Vec::<()>::new(); 3]);
}

#[test]
fn what_would_not_be_decoded_for_its_depth_is_not_encoded() {
    let chain =
        |levels: usize| (0..levels).fold(Nested(None), |inside, _| Nested(Some(Box::new(inside))));
    comes_back(&chain(limits::DECODE_DEPTH / 2 - 1));
    let deeper = chain(limits::DECODE_DEPTH / 2);
    assert_eq!(encode(&deeper, usize::MAX), Err(EncodeError::Unencodable));
    let tree = |levels: usize| (1..levels).fold(Tree(Vec::new()), |inside, _| Tree(vec![inside]));
    comes_back(&tree(limits::DECODE_DEPTH / 2));
    assert_eq!(
        encode(&tree(limits::DECODE_DEPTH / 2 + 1), usize::MAX),
        Err(EncodeError::Unencodable)
    );
}

/// The counts of the encoder are those of the decoder: whatever is encoded comes back.
#[test]
fn a_value_is_encoded_exactly_if_it_decodes() {
    for (bytes, units) in (0..6).flat_map(|bytes| (0..8).map(move |units| (bytes, units))) {
        let value = (vec![(); units], vec![9_u8; bytes], Some(vec![(); units / 2]));
        let plain = postcard::to_stdvec(&value).unwrap();
        let decodes = decode::<(Vec<()>, Vec<u8>, Option<Vec<()>>)>(&plain).is_ok();
        let encoded = encode(&value, 100);
        assert_eq!(encoded.is_ok(), decodes, "{units} units and {bytes} bytes");
        assert!(encoded.is_err() || encoded.unwrap() == plain);
    }
    let plain = postcard::to_stdvec(&everything()).unwrap();
    assert_eq!(encode(&everything(), usize::MAX).unwrap(), plain);
}
