//! What can go wrong with devices, memory and shaders.

/// An error of the device layer. Each message says what failed, where, and what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// No adapter of the wanted kind exists.
    #[error(
        "no {wanted} adapter found; adapters here: {found}. Install the GPU's driver, or use WGRAD_DEVICE=cpu"
    )]
    NoAdapter { wanted: String, found: String },
    /// The device name is not one of the known names.
    #[error(
        "unknown device \"{name}\"; use auto, cpu, vulkan, metal, dx12, software or an adapter index 0..{adapters}"
    )]
    UnknownDevice { name: String, adapters: usize },
    /// The adapter refused to open a device.
    #[error("cannot open {adapter}: {reason}. Update the driver, or use WGRAD_DEVICE=cpu")]
    OpenDevice { adapter: String, reason: String },
    /// An allocation failed.
    #[error(
        "out of memory on {device}: {bytes} bytes more are needed for {role}. Use a smaller batch or model"
    )]
    OutOfMemory { device: String, bytes: usize, role: &'static str },
    /// A tensor is larger than what the GPU can bind at once.
    #[error(
        "{kernel} needs {bytes} bytes in one piece, {device} binds at most {limit}. Use a smaller batch, or WGRAD_DEVICE=cpu"
    )]
    TooLarge { kernel: String, device: String, bytes: usize, limit: usize },
    /// An operand that is broadcast, or computed as it is read, has more elements than shaders can count.
    #[error(
        "{kernel} ({shape}) goes over {elements} elements, on {device} it counts at most {limit} in 32 bits. Split the operation, use a smaller batch, or WGRAD_DEVICE=cpu"
    )]
    TooManyElements { kernel: String, shape: String, device: String, elements: usize, limit: usize },
    /// The device is gone (driver reset, unplugged, killed by a watchdog).
    #[error("device {device} was lost: {reason}. Restart from the last checkpoint")]
    DeviceLost { device: String, reason: String },
    /// A shader was refused by the shader compiler or the driver.
    #[error(
        "shader of kernel {kernel} was refused by {device}: {reason}. This is a bug in wgrad or the driver"
    )]
    Shader { kernel: String, device: String, reason: String },
    /// The GPU interface refused a command.
    #[error("{device} refused a command: {reason}. This is a bug in wgrad or the driver")]
    Command { device: String, reason: String },
}

/// A result of the device layer.
pub type Result<T> = std::result::Result<T, Error>;
