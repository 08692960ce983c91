// java: a pool of 24 threads that allocate, sort and hash, under a small heap so that the collector is busy;
// one line per round.
import java.util.*;
import java.util.concurrent.*;

public class Garbage {
    static long work(int seed) {
        Random random = new Random(seed);
        long sum = 0;
        List<String> words = new ArrayList<>();
        for (int i = 0; i < 4000; i++) words.add(Integer.toString(random.nextInt(), 36));
        Collections.sort(words);
        Map<String, Integer> places = new HashMap<>();
        for (int i = 0; i < words.size(); i++) places.put(words.get(i), i);
        for (String word : words) sum = sum * 31 + word.hashCode() + places.get(word);
        return sum;
    }

    public static void main(String[] arguments) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(24);
        for (int round = 0; round < 50; round++) {
            List<Future<Long>> parts = new ArrayList<>();
            for (int part = 0; part < 24; part++) {
                int seed = round * 1000 + part;
                parts.add(pool.submit(() -> work(seed)));
            }
            long total = 0;
            for (Future<Long> part : parts) total = total * 17 + part.get();
            System.out.println("round " + round + ": " + total);
        }
        pool.shutdown();
    }
}
