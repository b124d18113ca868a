//! x
fn main(){ let f=std::env::args().nth(1).unwrap(); let t=std::fs::read_to_string(&f).unwrap();
match tidegate_policy::cases::run(&f,&t,&|_|Err("no".into())){Ok(r)=>{for c in &r.results{print!("{c}")}},Err(e)=>println!("{e}")}}
