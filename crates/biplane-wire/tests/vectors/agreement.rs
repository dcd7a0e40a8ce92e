//! The two decoders agree: on all vectors, on the corpora of the fuzz targets, and on whatever
//! comes of those by chance.

use std::{fs, path::PathBuf};

use crate::{
    Form, first,
    golden::{FILES, vectors},
    mutation::Random,
    second,
};

/// The corpora, what stands before the bytes in each of their files, and what those are.
const CORPORA: [(&str, usize, Form); 8] = [
    ("header", 0, Form::Packet),
    ("frames", 0, Form::Frames),
    ("ack", 8, Form::Frames),
    ("record", 1, Form::Records),
    ("hello", 0, Form::Hello),
    ("answer", 0, Form::Answer),
    ("description", 0, Form::Description),
    ("handshake", 0, Form::Answer),
];

/// How many mutations of each input; where one fails, its bytes are told.
const MUTATIONS: usize = 400;
/// Longer inputs are compared as they are, but not mutated: the second decoder is slow.
const LONGEST: usize = 512;

fn corpus(name: &str, skip: usize) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(name);
    let mut files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    let read = |file| fs::read(file).unwrap().get(skip..).unwrap_or_default().to_vec();
    files.iter().map(read).collect()
}

fn assert_agreed(form: Form, bytes: &[u8]) -> usize {
    let (one, two) = (first::read(form, bytes), second::read(form, bytes));
    assert_eq!(one, two, "{form:?} of {bytes:02x?}");
    one.iter().filter(|item| *item != crate::REFUSED && *item != crate::UNFINISHED).count()
}

fn inputs(form: Form) -> Vec<Vec<u8>> {
    let golden = FILES.iter().filter(|(_, of)| *of == form);
    let golden = golden.flat_map(|(file, _)| vectors(file)).map(|vector| vector.bytes);
    let found = CORPORA.iter().filter(|(_, _, of)| *of == form);
    golden.chain(found.flat_map(|(name, skip, _)| corpus(name, *skip))).collect()
}

#[test]
fn the_second_decoder_agrees_on_all_vectors_and_corpora() {
    for (_, form) in FILES {
        let inputs = inputs(form);
        assert!(inputs.len() > 10, "{form:?}");
        for bytes in &inputs {
            assert_agreed(form, bytes);
        }
    }
}

#[test]
fn the_second_decoder_agrees_on_whatever_comes_of_them_by_chance() {
    let mut random = Random(4);
    for (_, form) in FILES {
        let inputs = inputs(form);
        let (mut tried, mut read) = (0, 0);
        for (index, bytes) in inputs.iter().enumerate().filter(|(_, one)| one.len() <= LONGEST) {
            for round in 0..MUTATIONS {
                let other = &inputs[(index + round) % inputs.len()];
                let mut changed = random.mutate(bytes, other);
                match form {
                    Form::Hello | Form::Answer => random.settle_length(&mut changed, 4),
                    Form::Records | Form::Bulk => random.settle_length(&mut changed, 0),
                    Form::Packet | Form::Frames | Form::Description => {}
                }
                tried += 1;
                read += usize::from(assert_agreed(form, &changed) > 0);
            }
        }
        // A mutation that is always refused at once would compare nothing.
        assert!(read * 50 > tried, "{form:?}: {read} of {tried} were read");
    }
}
