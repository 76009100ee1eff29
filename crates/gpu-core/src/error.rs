//! What can go wrong with devices, memory and shaders.

/// An error of the device layer. Each message says what failed, where, and what to do.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// No adapter of the requested kind exists.
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
    /// An allocation failed, or would have exceeded the limit, after all free memory had been given back. `bytes` were requested for
    /// `role`, in addition to `in_use` bytes in use.
    #[error(
        "out of memory on {device}: {bytes} bytes more are needed for {role}, in addition to {in_use} bytes in use{}. \
         Use a smaller batch or model{}",
        limit.map_or(String::new(), |limit| format!(", and the limit is {limit} bytes")),
        if limit.is_some() { ", or raise WGRAD_MEMORY_LIMIT" } else { "" },
    )]
    OutOfMemory { device: String, bytes: usize, role: &'static str, in_use: u64, limit: Option<u64> },
    /// `WGRAD_MEMORY_LIMIT` is not a valid size.
    #[error("WGRAD_MEMORY_LIMIT is \"{value}\"; use a number of bytes, or a size such as 500MB or 4GiB")]
    MemoryLimit { value: String },
    /// A tensor is larger than what the GPU can bind at once.
    #[error(
        "{kernel} needs {bytes} bytes in one piece, {device} binds at most {limit}. Use a smaller batch, or WGRAD_DEVICE=cpu"
    )]
    TooLarge { kernel: String, device: String, bytes: usize, limit: usize },
    /// An operand that is broadcast, or computed as it is read, has more elements than shaders can count.
    #[error(
        "{kernel} ({shape}) has {elements} elements; {device} can index at most {limit} in 32 bits. Split the operation, use a smaller batch, or WGRAD_DEVICE=cpu"
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
    /// The values were needed after a step had freed or overwritten their inputs.
    #[error(
        "the graph of {op} recorded at {location} was freed by a step. Read it before the step, or name it as an output of the step"
    )]
    Freed { op: String, location: String },
    /// A kernel's CPU twin panicked, or a kernel could not make its shaders. Its outputs are undefined; `launches` launches of its graph
    /// were done before it.
    #[error(
        "kernel {kernel} failed on {device}: {reason}. This is a bug of the kernel; restart from the last checkpoint"
    )]
    Kernel { kernel: String, device: String, reason: String, launches: usize },
    /// A buffer is not valid for the requested use. Nothing was done.
    #[error("{buffer} can't be used on {device}: {reason}")]
    Buffer { buffer: String, device: String, reason: String },
    /// The GPU interface refused a command.
    #[error("{device} refused a command: {reason}. This is a bug in wgrad or the driver")]
    Command { device: String, reason: String },
}

/// A result of the device layer.
pub type Result<T> = std::result::Result<T, Error>;
