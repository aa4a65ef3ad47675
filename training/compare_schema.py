"""What every report of a comparison has to say beside its figures."""

SCHEMA = "neuralscan/comparison/1"

NOTES = (
    "Same slices, same augmentation, same optimiser and schedule, same budget for every network; "
    "nothing was tuned for one of them. The moving average of the weights after the last step is "
    "scored; no epoch was picked.",
    "Classification only, four classes. The mask of our network is neither trained nor used here; "
    "its lesion attention learns from the class alone.",
    "Only our network has an ImageNet start: no other pretrained weights come with a package that "
    "can be pinned and installed. It is therefore also trained from scratch, like the others; "
    "compare that row with theirs.",
    "Widths below 1 are scaled down so that the whole comparison fits the budget; parameters and "
    "multiply-adds are those of the network that was trained. A published architecture at full "
    "width, with pretrained weights and a long run would do better than its row here.",
    "Our network and the augmentation were chosen earlier with a look at the same fold and the "
    "same other sources; the others were not. That favours our rows.",
    "Intervals are 95 %, by resampling groups (runs of slices, clusters of look-alikes); a patient "
    "has several groups, so they are a little too narrow. Each network was trained once: the "
    "chance of another seed is not in the intervals.",
    "Latencies are medians of one run in which all networks took turns; ratios between them hold "
    "better than the absolute times.",
)
