//! Changes that a random generator makes to well-formed inputs: of bytes, of words, of numbers, of lines.

/// A stream of numbers that follows from one (SplitMix64).
pub struct Chance(u64);

impl Chance {
    /// The stream of a number.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { (self.bits() % end as u64) as usize }
    }

    /// One of them.
    pub fn one<'l, T: ?Sized>(&mut self, list: &'l [&'l T]) -> &'l T {
        list[self.below(list.len())]
    }
}

/// Numbers at which arithmetic goes wrong.
const NUMBERS: [&str; 22] = [
    "0",
    "-1",
    "1",
    "255",
    "256",
    "32767",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e308",
    "1e999",
    "-0",
    "0.0000001",
    ".nan",
    "99999999999999999999999999999999999999",
];

/// Pieces at which readers of text go wrong.
const PIECES: [&str; 34] = [
    "\0",
    "\u{1b}[31m",
    "\u{202e}",
    "\u{feff}",
    "\u{2028}",
    "\u{85}",
    "\r",
    "\t",
    "\n",
    "---\n",
    "...\n",
    "%YAML 1.2\n",
    "*a",
    "&a ",
    "<<: ",
    "!!str ",
    "? ",
    "- ",
    ": ",
    "[",
    "]",
    "{",
    "}",
    "\"",
    "'",
    "|\n",
    ">\n",
    "#",
    ",",
    "null",
    "~",
    "\\u0000",
    "\\ud800",
    "=",
];

/// Changes inputs of one kind.
pub struct Mutator<'m> {
    /// Well-formed inputs.
    pub seeds: &'m [Vec<u8>],
    /// Words that mean something to the reader.
    pub words: &'m [&'m str],
}

impl Mutator<'_> {
    /// One of the inputs, changed a few times. What grows beyond reason is cut.
    pub fn mutated(&self, chance: &mut Chance) -> Vec<u8> {
        let mut input = self.seeds[chance.below(self.seeds.len())].clone();
        let most = 1 << chance.below(5);
        let changes = 1 + chance.below(most);
        for _ in 0..changes {
            self.change(&mut input, chance);
            input.truncate(200_000);
        }
        input
    }

    fn change(&self, input: &mut Vec<u8>, chance: &mut Chance) {
        let at = chance.below(input.len() + 1);
        match chance.below(12) {
            0 => flip(input, chance),
            1 => {
                let end = (at + chance.below(40)).min(input.len());
                input.drain(at..end);
            }
            2 => {
                let end = (at + 1 + chance.below(60)).min(input.len());
                let piece = input[at..end].to_vec();
                let times = 1 << chance.below(9);
                insert(input, at, &piece.repeat(times));
            }
            3 => insert(input, at, chance.one(&PIECES).as_bytes()),
            4 => insert(input, at, self.words[chance.below(self.words.len())].as_bytes()),
            5 | 6 => replace_number(input, chance),
            7 => replace_word(input, self.words[chance.below(self.words.len())], chance),
            8 => self.splice(input, at, chance),
            9 => move_line(input, chance),
            10 => input.truncate(at),
            _ => {
                let bytes: Vec<u8> = (0..=chance.below(8)).map(|_| chance.bits() as u8).collect();
                insert(input, at, &bytes);
            }
        }
    }

    /// A piece of another input.
    fn splice(&self, input: &mut Vec<u8>, at: usize, chance: &mut Chance) {
        let other = &self.seeds[chance.below(self.seeds.len())];
        let from = chance.below(other.len());
        let to = (from + chance.below(200)).min(other.len());
        insert(input, at, &other[from..to]);
    }
}

fn insert(input: &mut Vec<u8>, at: usize, piece: &[u8]) {
    input.splice(at..at, piece.iter().copied());
}

fn flip(input: &mut [u8], chance: &mut Chance) {
    let at = chance.below(input.len());
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << chance.below(8);
    }
}

/// The run of bytes of one kind that is found first from a random place on.
fn run_of(input: &[u8], chance: &mut Chance, is_part: impl Fn(u8) -> bool) -> Option<(usize, usize)> {
    let from = chance.below(input.len());
    let begin = from + input[from..].iter().position(|byte| is_part(*byte))?;
    let length = input[begin..].iter().take_while(|byte| is_part(**byte)).count();
    Some((begin, begin + length))
}

fn replace_number(input: &mut Vec<u8>, chance: &mut Chance) {
    if let Some((begin, end)) = run_of(input, chance, |byte| byte.is_ascii_digit()) {
        input.splice(begin..end, chance.one(&NUMBERS).bytes());
    }
}

fn replace_word(input: &mut Vec<u8>, word: &str, chance: &mut Chance) {
    if let Some((begin, end)) = run_of(input, chance, |byte| byte.is_ascii_alphabetic()) {
        input.splice(begin..end, word.bytes());
    }
}

fn move_line(input: &mut Vec<u8>, chance: &mut Chance) {
    let mut lines: Vec<Vec<u8>> = input.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    if lines.len() < 2 {
        return;
    }
    let taken = lines[chance.below(lines.len())].clone();
    let to = chance.below(lines.len());
    match chance.below(3) {
        0 => lines.insert(to, taken),
        1 => lines[to] = taken,
        _ => lines.insert(to, [b"  ".to_vec(), taken].concat()),
    }
    *input = lines.concat();
}
