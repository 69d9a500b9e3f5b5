"""Phone loops (Ondel, Burget & Cernocky, 2016): segments and their codes found together, learned by variational Bayes.

Units follow one another freely. Each is an HMM from left to right, whose states are Gaussian mixtures (`model`); a
Dirichlet process over units leaves those that are not needed without frames (`variational`). `learning` goes over all
frames, from units that are runs of codes of k-means (`start`); `decoding` finds the likeliest units, so many a second.
As with k-means, neither memory nor threads change a byte of the result.
"""
