//! A text as a QR code in a PNG picture, for cameras: the seed of a device on its way to a telephone.

use png::{BitDepth, ColorType, Encoder, EncodingError};
use qrcode::{Color, QrCode, types::QrError};

/// Pixels of a module's edge.
const SCALE: usize = 4;
/// Modules of white around the code: four, as its standard (ISO/IEC 18004) wants.
const QUIET: usize = 4;

/// A text that can't be shown.
#[derive(Debug, thiserror::Error)]
pub enum QrCodeError {
    /// It is too long.
    #[error("the text does not fit into a QR code")]
    Text(#[source] QrError),
    /// The picture can't be written.
    #[error("the picture of a QR code can't be written")]
    Picture(#[from] EncodingError),
}

/// A row of pixels, one bit each, white where the bit is set.
fn row(modules: &[bool]) -> Vec<u8> {
    let pixels: Vec<bool> = modules.iter().flat_map(|m| [*m; SCALE]).collect();
    let byte = |eight: &[bool]| {
        (0..8).fold(0, |byte, n| byte << 1 | u8::from(eight.get(n).copied().unwrap_or(false)))
    };
    pixels.chunks(8).map(byte).collect()
}

/// A picture of the code of `text`, black on white.
pub fn qr_code_png(text: &str) -> Result<Vec<u8>, QrCodeError> {
    let code = QrCode::new(text).map_err(QrCodeError::Text)?;
    let (width, colors) = (code.width(), code.to_colors());
    let side = width + 2 * QUIET;
    let mut picture = Vec::new();
    let white = row(&vec![true; side]);
    let quiet = || core::iter::repeat_n(white.clone(), QUIET * SCALE);
    picture.extend(quiet().flatten());
    for line in colors.chunks(width) {
        let mut modules = vec![true; side];
        for (module, color) in modules.iter_mut().skip(QUIET).zip(line) {
            *module = *color == Color::Light;
        }
        picture.extend(row(&modules).repeat(SCALE));
    }
    picture.extend(quiet().flatten());
    let pixels = u32::try_from(side * SCALE).unwrap_or(u32::MAX);
    let mut png = Vec::new();
    let mut encoder = Encoder::new(&mut png, pixels, pixels);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::One);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&picture)?;
    writer.finish()?;
    Ok(png)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a picture as a camera would.
    fn read(png: &[u8]) -> String {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let (width, height) = (info.width as usize, info.height as usize);
        assert_eq!(width, height);
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
            pixels[y * width + x]
        });
        image.detect_grids()[0].decode().unwrap().1
    }

    #[test]
    fn a_reader_of_qr_codes_reads_the_text() {
        let text = format!("otpauth://totp/phone@123456789012?secret={}", "A7".repeat(32));
        assert_eq!(read(&qr_code_png(&text).unwrap()), text);
        assert!(matches!(qr_code_png(&"x".repeat(9_000)), Err(QrCodeError::Text(_))));
    }
}
