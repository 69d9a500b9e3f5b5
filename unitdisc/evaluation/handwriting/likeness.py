"""How like two pictures of one line are, pixel by pixel: PSNR, and SSIM (Wang et al., 2004)."""

import numpy as np

WINDOW, REACH = 1.5, 5  # of the Gaussian: its standard deviation, and the pixels on either side that it covers
STABLE = (0.01**2, 0.03**2)  # of means and of variances, against division by nothing; levels are in [0, 1]


def psnr(picture: np.ndarray, original: np.ndarray) -> float:
    """The ratio of the largest level, 1, to the root of the mean squared difference, in dB: infinite if they are alike.

    Both [columns, rows] in [0, 1]. Raises ValueError if they differ in size.
    """
    check_sizes(picture, original)
    error = np.mean(np.square(picture.astype(np.float64) - original))
    return float("inf") if error == 0 else float(-10 * np.log10(error))


def ssim(picture: np.ndarray, original: np.ndarray) -> float:
    """How alike the structure of two pictures is, at most 1: the mean over all windows that lie in them.

    As scikit-image has it with `gaussian_weights=True, use_sample_covariance=False, data_range=1`: means, variances and
    covariance under a Gaussian of 1.5 pixels, 11 pixels wide. Both [columns, rows] in [0, 1]; raises ValueError if they
    differ in size, or are less than a window wide or high.
    """
    check_sizes(picture, original)
    size = 2 * REACH + 1
    if min(picture.shape) < size:
        raise ValueError(f"SSIM needs {size} columns and rows, not {picture.shape[0]} and {picture.shape[1]}")
    a, b = picture.astype(np.float64), original.astype(np.float64)
    of_a, of_b = smoothed(a), smoothed(b)
    variances = smoothed(a * a) - of_a**2 + smoothed(b * b) - of_b**2
    covariance = smoothed(a * b) - of_a * of_b
    means, spreads = STABLE
    alike = (2 * of_a * of_b + means) * (2 * covariance + spreads)
    return float(np.mean(alike / ((of_a**2 + of_b**2 + means) * (variances + spreads))))


def smoothed(values: np.ndarray) -> np.ndarray:
    """Means under the window wherever it lies in the picture: [columns - 10, rows - 10]."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(values, WINDOW, radius=REACH)[REACH:-REACH, REACH:-REACH]


def check_sizes(picture: np.ndarray, original: np.ndarray) -> None:
    if picture.shape != original.shape:
        raise ValueError(f"pictures of one size can be compared, not {picture.shape} and {original.shape}")
