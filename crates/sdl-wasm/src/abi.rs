//! How a host and the module hand texts to each other.
//!
//! The host asks for room (`sdl_input`, `sdl_options`), writes bytes there, and calls a function; that
//! takes both, and returns the length in bytes of an answer that stays at `sdl_output` until the next call.
//! Whoever asks for room has to look at the memory anew: it may have moved as it grew.

#![expect(
    unsafe_code,
    reason = "an exported name is an unsafe attribute; there is no unsafe block"
)]

use std::cell::RefCell;

thread_local! {
    static INPUT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static OPTIONS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static OUTPUT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Room for a text of so many bytes.
#[unsafe(no_mangle)]
extern "C" fn sdl_input(length: usize) -> *mut u8 {
    INPUT.with_borrow_mut(|it| room(it, length))
}

/// Room for options, JSON of so many bytes; without a call there are none.
#[unsafe(no_mangle)]
extern "C" fn sdl_options(length: usize) -> *mut u8 {
    OPTIONS.with_borrow_mut(|it| room(it, length))
}

/// The answer of the last call.
#[unsafe(no_mangle)]
extern "C" fn sdl_output() -> *const u8 {
    OUTPUT.with_borrow(|it| it.as_ptr())
}

#[unsafe(no_mangle)]
extern "C" fn sdl_compile() -> usize {
    call(crate::compile)
}

#[unsafe(no_mangle)]
extern "C" fn sdl_check() -> usize {
    call(crate::check)
}

#[unsafe(no_mangle)]
extern "C" fn sdl_format() -> usize {
    call(crate::format)
}

#[unsafe(no_mangle)]
extern "C" fn sdl_explain() -> usize {
    call(crate::explain)
}

#[unsafe(no_mangle)]
extern "C" fn sdl_schema() -> usize {
    call(|_, _| crate::schema())
}

fn room(buffer: &mut Vec<u8>, length: usize) -> *mut u8 {
    *buffer = vec![0; length];
    buffer.as_mut_ptr()
}

fn call(function: impl FnOnce(&[u8], &[u8]) -> String) -> usize {
    let (input, options) = (INPUT.take(), OPTIONS.take());
    let answer = function(&input, &options);
    let length = answer.len();
    OUTPUT.replace(answer);
    length
}
