"""Lesson 01 by another road."""

import math

import torch


def predict_b__precisions_add(a, gain, var_c, var_a, var_b):
    precision = 1 / var_c + gain**2 / var_a
    return gain / var_a / precision * a, var_b + 1 / precision


def kl__cross_entropy_minus_entropy(mean_q, var_q, mean_p, var_p):
    cross = 0.5 * (torch.log(2 * math.pi * var_p) + (var_q + (mean_q - mean_p) ** 2) / var_p)
    return (cross - 0.5 * torch.log(2 * math.pi * math.e * var_q)).flatten(1).sum(1)


def fuse__one_estimate_corrected_by_the_other(m_1, v_1, m_2, v_2):
    gain = v_1 / (v_1 + v_2)
    z = (m_1 - m_2) / (v_1 + v_2).sqrt()
    return m_1 + gain * (m_2 - m_1), (1 - gain) * v_1, -0.5 * (z * z + torch.log(2 * math.pi * (v_1 + v_2)))


def b_given_a__bayes_entry_by_entry(p_c, a_given_c, b_given_c):
    weight = torch.einsum("c,ca->ac", p_c, a_given_c)
    return torch.einsum("ac,cb->ab", weight, b_given_c) / weight.sum(1, keepdim=True)


def predict_b__loop(a, gain, var_c, var_a, var_b):
    share = gain * var_c / (gain * gain * var_c + var_a)
    return torch.stack([share * one for one in a]), var_b + var_c * (1 - share * gain)


def affine__loop(mean, cov, A, b, noise_cov):
    n, k = range(len(A)), range(len(mean))
    moved = [sum((A[i, j] * mean[j] for j in k), b[i]) for i in n]
    rows = [[sum((A[i, p] * cov[p, q] * A[j, q] for p in k for q in k), noise_cov[i, j]) for j in n] for i in n]
    return torch.stack(moved), torch.stack([torch.stack(row) for row in rows])
