from pathlib import Path

from setuptools import find_packages, setup

setup(
    name="unitdisc",
    version="0.1.0",
    description="Discovers the units of a language nobody transcribed, from recordings or handwriting alone",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    packages=find_packages(include=["unitdisc", "unitdisc.*"]),  # eval/ and data_prep/ are scripts, not packages
    package_data={
        "unitdisc.experiment": ["presets/*.toml"],
        "unitdisc.reports": ["templates/*"],
        "unitdisc.explorer": ["pages/*"],
    },
    python_requires=">=3.11,<3.14",
    install_requires=[
        "torch>=2.11,<2.15",
        "torchaudio>=2.11,<2.12,!=2.11.1",  # which does not load with torch 2.11
        "librosa>=0.11",
        "numba",
        "numpy>=2.0",
        "scipy",
        "soundfile",
        "scikit-learn",
        "safetensors",
        "typer",
        "rich",
        "Pillow",
        "defusedxml",
        "jinja2",
        "matplotlib",
        "soxr",
        "joblib",
        "threadpoolctl",
        "rapidfuzz",
    ],
    extras_require={
        "demo": ["espeakng-loader"],
        "explore": ["starlette>=0.40", "uvicorn>=0.30"],
        "hf": ["transformers>=5"],
        "lhotse": ["lhotse"],
        "ray": ["ray"],
        "tensorboard": ["tensorboard"],
        "docs": ["mkdocs>=1.6,<2", "mkdocs-material>=9.6", "mkdocstrings[python]>=1.0"],
        "dev": [
            "espeakng-loader",
            "httpx",
            "hypothesis",
            "jiwer",
            "kaldiio",
            "praatio",
            "pytest",
            "pytest-xdist",
            "ruff",
            "starlette>=0.40",
            "uvicorn>=0.30",
            "zuko",
        ],
    },
    entry_points={"console_scripts": ["unitdisc = unitdisc.commands:main"]},
)
