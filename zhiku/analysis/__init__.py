"""THE place that knows Chinese text: normalisation, segmentation, names, the lexicon and the analyzer."""
