//! x
fn main() {
    let f = std::env::args().nth(1).unwrap();
    let t = std::fs::read_to_string(&f).unwrap();
    match tidegate_policy::cases::run(&f, &t, &|n| {
        std::fs::read_to_string(format!("crates/policy/testdata/cases/{n}"))
            .map_err(|e| e.to_string())
    }) {
        Ok(r) => {
            for c in &r.results {
                print!("{c}")
            }
        }
        Err(e) => println!("{e}"),
    }
}
