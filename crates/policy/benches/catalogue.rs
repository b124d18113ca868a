//! What the first use of the catalogue costs, in time and memory, and what advice costs: `cargo bench -p tidegate-policy --bench catalogue`.

use tidegate_policy::{PolicyDocument, PolicyKind, aws_managed, catalogue, lint};

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

/// All policies that AWS manages, one after the other; one item is one policy.
#[divan::bench(sample_count = 10)]
fn lint_all_managed_policies(bencher: divan::Bencher<'_, '_>) {
    let documents: Vec<PolicyDocument> = aws_managed::all()
        .iter()
        .filter_map(|policy| PolicyDocument::parse(&policy.document, PolicyKind::Identity).ok())
        .collect();
    bencher
        .counter(divan::counter::ItemsCount::new(documents.len()))
        .bench_local(|| documents.iter().map(|document| lint(document).len()).sum::<usize>());
}
