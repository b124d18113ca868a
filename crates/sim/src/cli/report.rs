//! What is said of runs, and written of one.

use std::{fs, io, path::Path};

use tidegate_sim::timeline::Timeline;

/// The command that runs a seed again.
pub(super) fn again(words: &[String]) {
    println!("again: cargo run --package tidegate-sim -- {}", words.join(" "));
}

/// A list of faults that is enough to break what was broken.
pub(super) fn shrunk(planned: usize, faults: &[(usize, String)], words: &[String]) {
    println!("of {planned} faults these {} are enough:", faults.len());
    for (place, fault) in faults {
        println!("  {place}: {fault}");
    }
    again(words);
}

/// Places as the command line takes them.
pub(super) fn places(list: &[usize]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// Writes a timeline as its name says.
pub(super) fn write(timeline: &Timeline, file: &Path) -> io::Result<()> {
    let page = file.extension().is_some_and(|e| e.eq_ignore_ascii_case("html"));
    fs::write(file, if page { timeline.html() } else { timeline.text() })
}
