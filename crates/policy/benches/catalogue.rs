//! What the first use of the catalogue costs, in time and memory.

use tidegate_policy::catalogue;

#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

fn main() {
    divan::main();
}

/// Once only: from the second call on there is nothing left to do.
#[divan::bench(sample_count = 1, sample_size = 1)]
fn first_use() -> usize {
    catalogue::services().len()
}
