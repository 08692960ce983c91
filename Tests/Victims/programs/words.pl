# perl: hashes, regular expressions, sorting and sprintf; one line per round.
use strict;
use warnings;
$| = 1;
my ($seed, %count) = (42);
for my $round (0 .. 149) {
    for (1 .. 30000) {
        $seed = ($seed * 1103515245 + 12345) % 2147483648;
        my $word = join '', map { chr(97 + ($seed >> $_ * 4) % 26) } 0 .. 2;
        $count{$word}++;
        $count{uc $1}++ if $word =~ /([aeiou][^aeiou])/;
    }
    my @top = (sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count)[0 .. 4];
    printf "round %d: %d words, top %s\n", $round, scalar(keys %count), join ' ', map { "$_=$count{$_}" } @top;
}
